// The stepper: one picture a level, many states. A step changes classes and text; nothing moves.
// mount(root, data, host, ask): root holds the shell, data is Recording.to_dict() and the pictures, host hears the keys;
// ask(k), where there is a kernel, gives a promise of all numbers of array k, or of null.
export function mount(root, data, host = root, ask = null) {
  const $ = (s) => root.querySelector(s), all = (s) => [...root.querySelectorAll(s)];
  const buttons = Object.fromEntries(all("button[data-act]").map((button) => [button.dataset.act, button]));
  const [range, stage, count, help, run, card, title, phase, say, more] = ["input[type=range]", ".ts-stage", ".ts-count", ".ts-help", "select[data-act=run]", ".ts-card", ".ts-card h2", ".ts-phase", ".ts-say", ".ts-more-card"].map($);
  const acts = {}, listeners = [], speed = $("[data-act=speed]"), cardOf = cardsOf(data, arraysOf(data, ask));
  let level = null, at = 0, timer = null, naive = data.levels.some((one) => one.naive), mode = "kind", reached = null;

  // The card, and where the picture is

  // What scrolls can be scrolled by keyboard.
  const reachable = afterwards(() => {
    for (const box of all(".ts-card :is(.ts-array, .ts-formula)")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; else box.removeAttribute("tabindex");
    }
  });
  const fill = (step) => {
    const one = data.cards[step.card];
    phase.textContent = PHASES[step.p];
    card.dataset.phase = step.p;
    title.textContent = one.t;
    say.textContent = one.say;
    more.replaceChildren(...cardOf(step, naive ? "" : level.unchecked));
    reachable();
  };
  // How large: as large as fits, but never so small that it can't be read, unless all is to be seen.
  const size = () => {
    const svg = level.element, [, , w, h] = svg.getAttribute("viewBox").split(" ").map(Number);
    const high = stage.clientHeight > 120 ? (stage.clientHeight - 24) / h : 1, fits = Math.min((stage.clientWidth - 24) / w, high);
    const whole = fits > 0.88 || buttons.fit.getAttribute("aria-pressed") === "true";
    const scale = whole ? Math.min(fits, 1.6) : Math.max(0.88, Math.min(1.2, high));
    svg.setAttribute("width", (w * scale).toFixed(1));
    svg.setAttribute("height", (h * scale).toFixed(1));
  };
  const reveal = (step) => {
    const box = level.n.get((step.n || [])[0]);
    if (!box || step.p === "start" || step.p === "end") return;
    const b = box.node.getBoundingClientRect(), s = stage.getBoundingClientRect();
    if (b.left < s.left + 8 || b.right > s.right - 8) stage.scrollLeft += b.left + b.width / 2 - s.left - s.width / 2;
    if (b.top < s.top + 8 || b.bottom > s.bottom - 8) stage.scrollTop += b.top + b.height / 2 - s.top - s.height / 2;
  };
  // One box can be reached by Tab: the one that is lit, or the one that was chosen by keyboard.
  const reach = (id) => {
    if (level.n.get(reached)) level.n.get(reached).node.setAttribute("tabindex", "-1");
    reached = level.n.has(id) ? id : level.n.keys().next().value;
    level.n.get(reached).node.setAttribute("tabindex", "0");
  };

  // Steps

  const show = (k) => {
    at = Math.max(0, Math.min(level.steps.length - 1, k));
    const step = level.steps[at], words = `Step ${at + 1} of ${level.steps.length}`;
    reveal(step); // what asks for places comes first: after a change the page would have to be laid out anew
    if (card.scrollTop) card.scrollTop = 0;
    drawn(level, at);
    fill(step);
    const focus = root.getRootNode().activeElement;
    if (!stage.contains(focus) || focus === stage) reach((step.n || [])[0]);
    range.value = String(at + 1);
    range.setAttribute("aria-valuetext", `${words}: ${data.cards[step.card].t}`);
    count.textContent = words;
    run.selectedIndex = at;
    buttons.into.disabled = finer(step) === null;
    buttons.out.disabled = data.levels.indexOf(level) === 0;
    for (const name of ["first", "previous"]) buttons[name].setAttribute("aria-disabled", String(at === 0));
    for (const name of ["next", "last", "over"]) buttons[name].setAttribute("aria-disabled", String(at === level.steps.length - 1));
  };
  const turn = (name, k) => {
    level = prepared(data, data.levels.find((one) => one.name === name) || data.levels[0], acts.to);
    level.steps = (naive && level.wrongly) || level.right;
    paintBy(level, mode);
    legends();
    stage.replaceChildren(level.element);
    root.dataset.level = level.name;
    for (const button of all(".ts-levels button")) button.setAttribute("aria-pressed", String(button.dataset.level === level.name));
    range.max = String(level.steps.length);
    run.replaceChildren(...level.steps.map((s, i) => new Option(`${i + 1}. ${{ backward: "← ", forward: "→ " }[s.p] || ""}${data.cards[s.card].t}`, String(i))));
    const n = level.steps.length;
    $(".ts-phases").style.setProperty("--turn", level.back < 0 ? "100%" : `${((level.back - 0.5) / Math.max(1, n - 1)) * 100}%`);
    size();
    show(k);
  };
  const within = (step, where) => { const w = data.cards[step.card].w || ""; return w === where || w.startsWith(where + "."); };
  // The same moment at another level: the step that is about the same calls; the same op in the same place; the first in
  // that place; or as far along in the same phase.
  const same = (step, other) => {
    const steps = other.steps.map((s, i) => [s, i]).filter(([s]) => s.p === step.p), about = data.cards[step.card], where = about.w || "";
    if (!steps.length) return step.p === "start" ? 0 : other.steps.length - 1;
    const exact = step.c && other.group === level.group ? steps.find(([s]) => s.c && s.c.includes(step.c[0])) : null;
    if (exact) return exact[1];
    const here = (s) => (data.cards[s.card].w || "") === where, alike = (s) => here(s) && about.op && data.cards[s.card].op === about.op;
    const along = (test) => { // as far along among those of which this holds
      const found = steps.filter(([s]) => test(s)), mine = level.steps.filter((s) => s.p === step.p && test(s));
      return found.length ? found[Math.round((mine.indexOf(step) / Math.max(1, mine.length - 1)) * (found.length - 1))][1] : null;
    };
    const first = () => (steps.find(([s]) => where && within(s, where)) || [null, null])[1];
    return along(alike) ?? (about.op ? null : first()) ?? along(here) ?? first() ?? along(() => true);
  };
  const finer = (step) => {
    const next = data.levels[data.levels.indexOf(level) + 1];
    return next && (step.p === "forward" || step.p === "backward") ? next : null;
  };
  // Past all steps of the module that this one is in.
  const beyond = () => {
    const step = level.steps[at], where = data.cards[step.card].w, next = level.steps.findIndex((s, i) => i > at && !(where && s.p === step.p && within(s, where)));
    return next < 0 ? level.steps.length - 1 : next;
  };
  // Where a box is next at work: forward, then back; a leaf, where its gradient is complete.
  const breakpoint = (id) => {
    const find = (from, about) => level.steps.findIndex((s, i) => i > from && about(s));
    const works = (s) => (s.n || []).includes(id) && /forward|backward|seed/.test(s.p), graded = (s) => (s.g || []).includes(id);
    for (const [from, about] of [[at, works], [at, graded], [-1, works], [-1, (s) => graded(s) || (s.v || []).includes(id)]]) {
      const found = find(from, about);
      if (found >= 0) return found;
    }
    return at;
  };

  // Playing

  const playing = (on) => {
    buttons.play.setAttribute("aria-pressed", String(on));
    say.setAttribute("aria-live", on ? "off" : "polite"); // a film is not read out
  };
  const stop = () => { clearInterval(timer); timer = null; playing(false); };
  const play = () => {
    if (timer) return stop();
    playing(true);
    if (at === level.steps.length - 1) show(0);
    timer = setInterval(() => { if (at >= level.steps.length - 1) stop(); else show(at + 1); }, +speed.value);
  };

  // What else can be asked: the order of the backward pass, and what the colours mean

  const legends = () => {
    const list = $(".ts-legend"), [name, marks, scale] = (level.by || {})[mode] || [], said = [];
    list.querySelectorAll(".lx").forEach((li) => li.remove());
    if (name) said.push(`Colour: ${name}${Object.keys(marks).length ? scale || "" : ": none here"}`);
    if (level.cut) said.push("hatched: no gradient reached it");
    if (level.wrong && !naive) said.push("✗: a rule that disagrees with finite differences");
    if (naive) said.push("depth first: what has arrived so far stands at each box");
    if (level.by) list.append(make("li", "lx", said.join("; ") || "\u00a0")); // always a line of its own, or the picture would move
  };
  const choose = (title, pairs, first, act) => {
    const select = make("select", "", null, ...pairs.map(([value, text]) => new Option(text, value)));
    select.value = first;
    select.addEventListener("change", () => act(select.value));
    $(".ts-view").append(make("label", "", title + " ", select));
  };
  const controls = () => {
    const known = data.levels.map((one) => one.by).find(Boolean);
    if (known) choose("Colour by", [["kind", "kind"], ...Object.entries(known).map(([value, [name]]) => [value, name])], mode, (value) => { mode = value; legends(); paintBy(level, mode); drawn(level, at); });
    if (naive) choose("Order", [["dfs", "depth first (naive)"], ["newest", "newest first (right)"]], "dfs", (value) => { stop(); naive = value === "dfs"; turn(level.name, at); });
    for (const one of data.levels) {
      const button = make("button", "", one.name);
      button.type = "button";
      button.dataset.level = one.name;
      button.addEventListener("click", () => { stop(); to(one); });
      $(".ts-levels").append(button);
    }
    if (data.levels.length < 2) for (const one of [$(".ts-levels"), buttons.into, buttons.out]) one.hidden = true;
  };
  const to = (other) => {
    if (!other || other === level) return;
    const moment = level.steps[at];
    prepared(data, other, acts.to);
    other.steps = (naive && other.wrongly) || other.right;
    turn(other.name, same(moment, other));
  };
  const by = (act) => (given) => { stop(); act(given); };
  Object.assign(acts, {
    first: by(() => show(0)), previous: by(() => show(at - 1)), next: by(() => show(at + 1)), last: by(() => show(level.steps.length - 1)), play,
    to: by((id) => show(breakpoint(id))), over: by(() => show(beyond())), into: by(() => to(finer(level.steps[at]))),
    out: by(() => to(data.levels[data.levels.indexOf(level) - 1])),
    help: () => (help.open ? help.close() : help.showModal()), close: () => help.close(),
    fit: () => { buttons.fit.setAttribute("aria-pressed", String(buttons.fit.getAttribute("aria-pressed") !== "true")); size(); reveal(level.steps[at]); },
    theme: () => {
      const scheme = getComputedStyle(root).colorScheme;
      root.dataset.theme = scheme === "dark" || (scheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches) ? "light" : "dark";
    },
  });
  for (const name of Object.keys(buttons)) buttons[name].addEventListener("click", () => acts[name]());
  range.addEventListener("input", () => { stop(); show(+range.value - 1); });
  run.addEventListener("change", () => { stop(); show(+run.value); });
  speed.addEventListener("change", () => { if (timer) { stop(); play(); } });

  // Keys

  const keys = { ArrowRight: acts.next, ArrowLeft: acts.previous, Home: acts.first, End: acts.last, " ": play, "?": acts.help, ArrowDown: acts.into, ArrowUp: acts.out };
  // On a box: Enter runs to it, up and down go to its neighbours; true if that was it.
  const boxed = (event) => {
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key], node = event.target.closest && event.target.closest(".n");
    if (!node || !(way || event.key === "Enter")) return false;
    const ids = [...level.n.keys()], here = ids.findIndex((id) => level.n.get(id).node === node);
    if (!way) acts.to(ids[here]);
    else { reach(ids[Math.max(0, Math.min(ids.length - 1, here + way))]); level.n.get(reached).node.focus(); }
    return true;
  };
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !(keys[event.key] || event.key === "Enter")) return;
    const inside = event.target.closest ? event.target.closest("input,select,textarea,summary,button,[contenteditable],.ts-card,.ts-stage,pre") : null;
    const tag = inside ? inside.tagName : "";
    if (help.open && event.key !== "?") return;
    if (/INPUT|SELECT|TEXTAREA/.test(tag) && event.key !== "?") return;
    if (event.key === " " && /BUTTON|SUMMARY/.test(tag)) return;
    if (boxed(event)) return event.preventDefault();
    if (event.key === "Enter" || (/ArrowUp|ArrowDown/.test(event.key) && inside && tag !== "BUTTON")) return;
    event.preventDefault();
    if (event.shiftKey && event.key === "ArrowRight") acts.over(); else keys[event.key]();
  };
  host.addEventListener("keydown", press);
  root.addEventListener("toggle", reachable, true);
  const watcher = new ResizeObserver(() => { if (level) { size(); reveal(level.steps[at]); reachable(); } });
  listeners.push(() => host.removeEventListener("keydown", press), () => watcher.disconnect());
  controls();
  root.classList.add("ts-live");
  turn(data.start, 0);
  watcher.observe(stage);
  return { show, close: () => { stop(); listeners.forEach((f) => f()); }, get at() { return at; }, get level() { return level.name; } };
}

const page = typeof document === "object" && document.body && document.body.classList.contains("ts-page") ? document.querySelector(".ts") : null;
if (page) unpacked(document.getElementById(page.id + "-data").textContent).then((data) => mount(page, data, document));
