(() => {
  const whole = document.querySelector("main"), both = document.querySelector(".both");
  const inside = document.querySelector(".inside"), stage = inside.querySelector(".stage");
  const title = inside.querySelector("h2"), nav = inside.querySelector("nav"), words = inside.querySelector(".words");
  const trail = []; // what was opened, from the outside in: { name, label }
  let opener = null; // the box of the whole drawing that all this came from
  const unpacked = (async () => { // names to [title, words, drawing]
    const bytes = Uint8Array.from(atob(document.getElementById("drawings").textContent), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  })();
  const natural = (svg) => svg.viewBox.baseVal.width * 96 / 72;
  const fit = (place) => {
    const svg = place.querySelector("svg");
    if (!svg) return;
    const room = place.clientWidth - 24, wide = natural(svg);
    svg.style.width = `${Math.min(wide, Math.max(room, wide * 0.62))}px`; // smaller than that nobody can read
    place.scrollLeft = (place.scrollWidth - place.clientWidth) / 2;
  };
  const zoom = (factor) => {
    const svg = whole.querySelector("svg");
    svg.style.width = `${Math.min(Math.max(svg.getBoundingClientRect().width * factor, 120), natural(svg) * 4)}px`;
  };
  const acts = { in: () => zoom(1.25), out: () => zoom(0.8), fit: () => {
    const svg = whole.querySelector("svg");
    svg.style.width = `${Math.min(natural(svg), whole.clientWidth - 24)}px`;
  } };
  for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", acts[button.dataset.zoom]);
  const label = (link) => (link.querySelector("title")?.textContent || "").split(":")[0];
  const show = async (focus) => {
    const last = trail.at(-1);
    both.classList.toggle("open", Boolean(last));
    inside.hidden = !last;
    for (const link of whole.querySelectorAll("a.now")) link.classList.remove("now");
    if (!last) return fit(whole);
    opener?.classList.add("now");
    const [what, said, svg] = (await unpacked)[last.name];
    if (trail.at(-1) !== last) return;
    stage.innerHTML = svg; // made by us, names escaped; the page's policy runs no script in it
    title.textContent = last.label && last.label !== what ? `${last.label}: ${what}` : what;
    words.textContent = said;
    nav.replaceChildren(...trail.slice(0, -1).map((step, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `‹ ${step.label}`;
      button.addEventListener("click", () => { trail.length = i + 1; show(true); });
      return button;
    }));
    fit(stage);
    if (focus) {
      title.focus({ preventScroll: true });
      inside.scrollIntoView({ block: "nearest" });
    }
  };
  const close = () => { trail.length = 0; show(false); opener?.focus(); opener = null; };
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#d']");
    if (!link) return;
    event.preventDefault();
    if (whole.contains(link)) { trail.length = 0; opener = link; }
    trail.push({ name: link.getAttribute("href").slice(1), label: label(link) });
    show(true);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && trail.length) {
      event.preventDefault();
      if (trail.length > 1) { trail.pop(); show(true); } else close();
    }
  });
  inside.querySelector(".close").addEventListener("click", close);
  addEventListener("resize", () => { if (trail.length) fit(stage); });
  fit(whole);
})();
