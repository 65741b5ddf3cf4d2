(() => {
  const stage = document.querySelector("main");
  const svg = stage.querySelector("svg");
  const whole = svg.viewBox.baseVal;
  const home = { x: whole.x, y: whole.y, w: whole.width, h: whole.height };
  const width = parseFloat(svg.getAttribute("width")) * (/pt$/.test(svg.getAttribute("width")) ? 96 / 72 : 1);
  let view = { ...home };
  const show = () => svg.setAttribute("viewBox", [view.x, view.y, view.w, view.h].join(" "));
  // How many units of the picture a pixel of the screen is: the picture is centred and keeps its proportions.
  const unit = () => { const box = svg.getBoundingClientRect(); return Math.max(view.w / box.width, view.h / box.height); };
  const at = (event) => {
    const box = svg.getBoundingClientRect(), u = unit();
    return { x: view.x + view.w / 2 + (event.clientX - box.left - box.width / 2) * u,
             y: view.y + view.h / 2 + (event.clientY - box.top - box.height / 2) * u };
  };
  const zoom = (factor, point) => {
    const scale = Math.min(Math.max(view.w * factor, Math.min(home.w / 4, 60)), home.w * 8) / view.w;
    const p = point || { x: view.x + view.w / 2, y: view.y + view.h / 2 };
    view = { x: p.x + (view.x - p.x) * scale, y: p.y + (view.y - p.y) * scale, w: view.w * scale, h: view.h * scale };
    show();
  };
  const move = (dx, dy) => { view.x += dx; view.y += dy; show(); };
  const fit = () => { view = { ...home }; show(); };
  const real = () => { const u = home.w / width; zoom(u / unit()); };
  // On a phone a large picture would open too small to read: it opens at its output, in letters of 10 pixels.
  const open = () => {
    const box = svg.getBoundingClientRect(), last = svg.querySelector(".node.output");
    if (box.width > 640 || unit() < 1.3 || !last) return;
    const end = last.getBoundingClientRect(), w = box.width * 1.1, h = box.height * 1.1;
    const p = at({ clientX: (end.left + end.right) / 2, clientY: (end.top + end.bottom) / 2 });
    const along = (c, size, from, all) => size > all ? from + (all - size) / 2 : Math.min(Math.max(c - size / 2, from), from + all - size);
    view = { x: along(p.x, w, home.x, home.w), y: along(p.y, h, home.y, home.h), w, h };
  };
  const acts = { in: () => zoom(0.8), out: () => zoom(1.25), fit, real };
  for (const button of document.querySelectorAll("button[data-zoom]")) {
    button.addEventListener("click", () => acts[button.dataset.zoom]());
  }
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), at(event));
  }, { passive: false });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("details")) return;
    const step = view.w / 10;
    const keys = { "+": acts.in, "=": acts.in, "-": acts.out, "0": fit, ArrowLeft: () => move(-step, 0),
      ArrowRight: () => move(step, 0), ArrowUp: () => move(0, -step), ArrowDown: () => move(0, step) };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
  const fingers = new Map();
  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    fingers.set(event.pointerId, event);
    stage.setPointerCapture(event.pointerId);
    stage.classList.add("moving");
  });
  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
    if (other) {
      const gap = (a) => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY) || 1;
      zoom(gap(before) / gap(event), at(event));
    } else {
      move((before.clientX - event.clientX) * unit(), (before.clientY - event.clientY) * unit());
    }
    fingers.set(event.pointerId, event);
  });
  const lift = (event) => { fingers.delete(event.pointerId); if (!fingers.size) stage.classList.remove("moving"); };
  stage.addEventListener("pointerup", lift);
  stage.addEventListener("lostpointercapture", lift);
  open();
  show();
})();
