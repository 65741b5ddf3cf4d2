// The stepper: one picture a level, many states. A step changes classes and text; nothing moves.
// mount(root, data, host): root holds the shell, data is Recording.to_dict() and the pictures, host hears the keys.
const MATH = "http://www.w3.org/1998/Math/MathML", SVG = "http://www.w3.org/2000/svg";
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const TAGS = { r: "mrow", f: "mfrac", p: "msup", b: "msub", q: "msqrt", i: "mi", n: "mn", o: "mo", t: "mtext" };
const PHASES = { start: "Start", forward: "Forward", seed: "Backward", backward: "Backward", end: "Result" };

export function brief(v) {
  if (typeof v !== "number") return { NaN: "NaN", Infinity: "∞", "-Infinity": "−∞" }[v] || String(v);
  if (v === 0) return "0";
  const size = Math.abs(v);
  let text = size >= 1e4 || size < 1e-4 ? v.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e") : String(+v.toPrecision(4));
  return text.replace(/-/g, "−");
}
const shape = (s) => (s.length ? s.join("×") : "number");
const make = (tag, name, text, ...children) => {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined && text !== null) node.textContent = text;
  node.append(...children.filter(Boolean));
  return node;
};

export function mount(root, data, host = root) {
  const $ = (s) => root.querySelector(s), all = (s) => [...root.querySelectorAll(s)];
  const acts = {}, range = $("input[type=range]"), stage = $(".ts-stage"), count = $(".ts-count"), help = $(".ts-help");
  const run = $("select[data-act=run]"), listeners = [];
  let level = null, at = 0, timer = null;

  // Arrays

  const rowsOf = (a) => {
    const columns = a.s.length ? a.s[a.s.length - 1] : 1, rows = [];
    for (let i = 0; i < a.d.length; i += columns) rows.push(a.d.slice(i, i + columns));
    return rows;
  };
  const decoded = (a) => {
    if (a.v) return a.v;
    const [low, high] = a.r, v = new Float64Array(a.i.length / 2);
    for (let k = 0; k < v.length; k++) {
      const n = DIGITS.indexOf(a.i[2 * k]) * 64 + DIGITS.indexOf(a.i[2 * k + 1]);
      v[k] = n > 4094 ? NaN : low + (n / 4094) * (high - low);
    }
    return (a.v = v);
  };
  const colour = (v, most) => {
    if (Number.isNaN(v)) return [255, 0, 255];
    const share = Math.max(-1, Math.min(1, most > 0 ? v / most : 0)), end = share > 0 ? [196, 84, 0] : [20, 84, 180];
    return end.map((c) => Math.round(254 + (c - 254) * Math.abs(share)));
  };
  const tiling = (a) => {
    if (a.g) { const [n, h, w, c, every] = a.g; return { n, h, w, c, every, gap: h * w === 1 ? 0 : 1 }; }
    const w = a.s[a.s.length - 1] || 1;
    return { n: 1, h: a.d.length / w, w, c: 1, every: 1, gap: 0 };
  };
  const painted = (a) => {
    if (a.canvas) return a.canvas;
    const t = tiling(a), v = a.d ? a.d.map(Number) : decoded(a), canvas = document.createElement("canvas");
    canvas.width = t.c * (t.w + t.gap) - t.gap;
    canvas.height = Math.ceil(t.n / t.c) * (t.h + t.gap) - t.gap;
    const finite = a.d ? v.filter(Number.isFinite) : a.r.slice(0, 2).map(Number);
    const most = Math.max(0, ...finite.map(Math.abs)), pen = canvas.getContext("2d");
    const image = pen.createImageData(canvas.width, canvas.height);
    v.forEach((x, k) => {
      const plane = Math.floor(k / (t.h * t.w)), r = Math.floor((k % (t.h * t.w)) / t.w), c = k % t.w;
      const px = (plane % t.c) * (t.w + t.gap) + c, py = Math.floor(plane / t.c) * (t.h + t.gap) + r;
      image.data.set([...colour(Number.isFinite(x) ? x : NaN, most), 255], 4 * (py * canvas.width + px));
    });
    pen.putImageData(image, 0, 0);
    return (a.canvas = canvas);
  };
  const index = (a, t, plane, r, c) => {
    let flat = a.s.length < 2 || (t.h * t.w === 1) ? plane : (plane * a.s[a.s.length - 2] + r * t.every) * a.s[a.s.length - 1] + c * t.every;
    const found = [];
    for (const n of [...a.s].reverse()) { found.unshift(flat % n); flat = Math.floor(flat / n); }
    return "[" + found.join(", ") + "]";
  };
  const heat = (a) => {
    const t = tiling(a), source = painted(a), canvas = make("canvas", "ts-heat"), box = make("figure", "ts-image");
    const zoom = Math.max(1, Math.floor(Math.min(300 / source.width, 200 / source.height, 16)));
    canvas.width = source.width * zoom; canvas.height = source.height * zoom;
    const pen = canvas.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.drawImage(source, 0, 0, canvas.width, canvas.height);
    const [low, high, mean, norm] = a.r;
    const stats = `${shape(a.s)}: ${brief(low)} … ${brief(high)}, mean ${brief(mean)}, norm ${brief(norm)}`
      + (a.x ? `, ${a.x} NaN or Inf` : "") + (a.z ? `, ${a.z} zeros` : "");
    const words = make("figcaption", "", stats + (t.every > 1 ? `; every ${t.every} rows and columns` : t.every ? "" : "; a sample"));
    const hover = make("span", "ts-hover", "");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", stats);
    canvas.addEventListener("pointermove", (event) => {
      const b = canvas.getBoundingClientRect();
      const x = Math.floor(((event.clientX - b.left) / b.width) * source.width), y = Math.floor(((event.clientY - b.top) / b.height) * source.height);
      const column = Math.floor(x / (t.w + t.gap)), row = Math.floor(y / (t.h + t.gap)), c = x % (t.w + t.gap), r = y % (t.h + t.gap);
      const plane = row * t.c + column;
      if (c >= t.w || r >= t.h || plane >= t.n) { hover.textContent = ""; return; }
      const v = decoded(a)[(plane * t.h + r) * t.w + c];
      hover.textContent = (t.every ? index(a, t, plane, r, c) + " " : "") + "≈ " + (Number.isNaN(v) ? "NaN or Inf" : brief(+v.toPrecision(3)));
    });
    canvas.addEventListener("pointerleave", () => { hover.textContent = ""; });
    box.append(canvas, words, hover);
    return box;
  };
  const array = (k) => {
    const a = data.arrays[k];
    if (!a) return null;
    if (!a.d) return a.i ? heat(a) : make("span", "ts-num", `${shape(a.s)}, norm ${brief(a.r[3])}`);
    if (!a.d.length) return make("span", "ts-num", "empty");
    if (a.d.length === 1) { const one = make("span", "ts-num", brief(a.d[0])); one.title = String(a.d[0]); return one; }
    const table = make("table", "ts-array");
    table.setAttribute("aria-label", shape(a.s));
    for (const row of rowsOf(a)) {
      const line = table.insertRow();
      for (const v of row) { const cell = line.insertCell(); cell.textContent = brief(v); cell.title = String(v); }
    }
    return table;
  };

  // Formulas

  const math = (tree) => {
    const element = (tag, text, ...children) => {
      const node = document.createElementNS(MATH, tag);
      if (text !== null) node.textContent = text;
      node.append(...children);
      return node;
    };
    if (typeof tree === "string") return element(TAGS[tree[0]] || "mtext", tree.slice(1));
    if (tree[0] !== "#") return element(TAGS[tree[0]] || "mrow", null, ...tree.slice(1).map(math));
    const rows = rowsOf(data.arrays[tree[1]]).map((row) => element("mtr", null, ...row.map((v) => element("mtd", null, element("mn", brief(v))))));
    return element("mrow", null, element("mo", "["), element("mtable", null, ...rows), element("mo", "]"));
  };
  const part = (title, ...children) => make("div", "ts-part", null, make("h3", "", title), ...children);
  const pair = (name, k, ...more) => make("div", "ts-pair", null, make("span", "ts-name", name), array(k), ...more);
  const inline = (tree) => { const top = document.createElementNS(MATH, "math"); top.setAttribute("displaystyle", "true"); top.append(math(tree)); return top; };
  const formula = (tree) => make("div", "ts-formula", null, inline(tree));
  const equals = (tree) => inline(["r", "o=", tree]);
  const numbers = (n) => make("div", "ts-formula ts-numbers", null, ...(n[0] === "r" && n.length === 4 && n[2] === "o=" ? [equals(n[1]), equals(n[3])] : [equals(n)]));
  const code = (title, place, lines, lit) => {
    const box = make("details", "ts-code", null, make("summary", "", `${title}: ${place}`)), pre = make("pre");
    pre.tabIndex = 0;
    for (const [n, text] of lines) {
      const line = make("code", n === lit ? "ts-lit" : "", null, make("span", "ts-no", n === null ? "" : String(n)), document.createTextNode(text + "\n"));
      if (n === lit) line.setAttribute("aria-current", "true");
      pre.append(line);
    }
    box.append(pre);
    return box;
  };
  const ledger = (l) => {
    const box = make("div", "ts-ledger"), small = l.parts.every(([, k]) => (data.arrays[k].d || []).length === 1);
    const line = make("p", "ts-sum", null, inline(l.to), document.createTextNode(" = "));
    l.parts.forEach(([who, k], i) => {
      const here = i < l.n, v = small ? data.arrays[k].d[0] : null;
      const text = small ? (here ? (typeof v === "number" && v < 0 ? "" : "+") + brief(v) : "+ ?") : (i ? "+ " : "") + (here ? "" : "(waits) ") + shape(data.arrays[k].s);
      line.append(make("span", here ? "ts-here" : "ts-wait", text), make("span", "ts-who", ` (${who}) `));
    });
    const whole = l.n === l.parts.length;
    if (whole && small && l.a !== undefined) line.append(document.createTextNode("= "), make("b", "", brief(data.arrays[l.a].d[0])));
    if (!whole) line.append(make("span", "ts-who", `${l.n} of ${l.parts.length} parts have arrived`));
    box.append(line);
    if (whole && !small && l.a !== undefined) box.append(array(l.a));
    return box;
  };
  const rule = (row) => {
    const box = make("div", "ts-row");
    box.append(make("h4", "", null, document.createTextNode("to "), make("b", "", row.to), row.as && row.as !== row.to ? document.createTextNode(` (its ${row.as})`) : ""));
    if (row.m) box.append(formula(row.m));
    if (row.s) box.append(make("p", "ts-shapes", row.s));
    if (row.n) box.append(numbers(row.n));
    if (row.sum) box.append(make("p", "ts-note", `The rule gives ${shape(row.sum[0])}: ${row.to} was broadcast, so its uses are summed to ${shape(row.sum[1])}.`));
    if (row.a !== undefined && !(row.n && !row.sum)) box.append(pair("contribution", row.a));
    if (row.st) {
      const local = make("p", "ts-local", `Local derivative: ${row.st}`);
      box.append(local);
      if (row.J !== undefined) { const d = make("details", "", null, make("summary", "", "show it (a row per output, a column per input)"), array(row.J)); box.append(d); }
    }
    if (row.code !== undefined) { const [place, lines] = data.rules[row.code]; box.append(code("the rule", place, lines.map((text) => [null, text]))); }
    return box;
  };
  const fill = (card, step) => {
    $(".ts-phase").textContent = PHASES[step.p];
    $(".ts-card").dataset.phase = step.p;
    $(".ts-card h2").textContent = card.t;
    $(".ts-say").textContent = card.say;
    const body = [], [what, torch] = data.ops[card.op] || ["", ""];
    if (card.w || what) body.push(make("p", "ts-where", null, card.w ? make("span", "", "in " + card.w) : null, what ? make("span", "ts-doc", what) : null));
    if (card.par && card.par.length) body.push(make("p", "ts-where", card.par.join(", ")));
    if (card.fail) body.push(make("p", "ts-fail", card.fail));
    if (card.up) body.push(part("Upstream", make("div", "ts-pair", null, inline(["r", "iḡ", "o=", card.up[0], "o="]), array(card.up[1]))));
    if (card.m) body.push(part("Formula", formula(card.m), card.s ? make("p", "ts-shapes", card.s) : null, card.n ? numbers(card.n) : null));
    if (card.rows && card.rows.length) body.push(part("What each input gets", ...card.rows.map(rule)));
    if (card.led && card.led.length) body.push(part("Sum of the parts", ...card.led.map(ledger)));
    if (card.out && !(card.n)) body.push(part("Value", pair(card.out[0], card.out[1])));
    if (card.in && card.in.length && !(card.n)) body.push(part("From", ...card.in.slice(0, 8).map(([n, k]) => pair(n, k))));
    if (card.leaves) body.push(part("Leaves", ...card.leaves.map(([n, kind, k]) => pair(`${n} (${kind})`, k))));
    if (card.all) body.push(...card.all.map(([tree, k]) => make("div", "ts-pair ts-grad", null, inline(["r", tree, "o="]), array(k))));
    if (card.none && card.none.length) body.push(make("p", "ts-note", "No gradient reached " + card.none.join(", ") + "."));
    if (card.ops && card.ops.length) body.push(make("p", "ts-where", `${card.ops.length} operation${card.ops.length > 1 ? "s" : ""} inside: ${card.ops.slice(0, 12).join(", ")}${card.ops.length > 12 ? " …" : ""}`));
    if (torch) body.push(make("p", "ts-py", "In PyTorch: " + torch));
    if (card.line) {
      const [file, n] = card.line, [name, lines] = data.sources[file];
      const panel = code("your code", `${name}, line ${n}`, lines.filter(([m]) => Math.abs(m - n) <= 4), n);
      panel.open = true;
      body.push(panel);
    }
    if (step.p === "start" && data.notes) body.push(...data.notes.map((text) => make("p", "ts-note", text)));
    $(".ts-more-card").replaceChildren(...body);
    $(".ts-card").scrollTop = 0;
  };

  // The picture

  const prepare = (one) => {
    if (one.ready) return one;
    one.element = document.importNode(new DOMParser().parseFromString(one.svg, "image/svg+xml").documentElement, true);
    const svg = one.element, cut = data.key.length + 2;
    svg.setAttribute("aria-label", `${data.title}, level ${one.name}`);
    one.n = new Map(); one.e = [];
    for (const node of svg.querySelectorAll("g.n")) {
      const id = node.id.slice(cut);
      one.n.set(id, node);
      node.addEventListener("click", () => acts.to(id));
      for (const word of ["iv", "ig"]) node.querySelectorAll("rect." + word).forEach((rect, i) => paint(one, id, rect, word));
    }
    for (const edge of svg.querySelectorAll("path.e")) one.e[+edge.id.slice(cut + 1)] = edge;
    const length = one.steps.length;
    one.states = [];
    const v = new Set(), g = new Set(), w = new Set(), h = new Set();
    for (let k = 0; k < length; k++) {
      const s = one.steps[k];
      (s.v || []).forEach((x) => v.add(x));
      (s.h || []).forEach((x) => h.add(x));
      (s.w || []).forEach((x) => w.add(x));
      (s.g || []).forEach((x) => { g.add(x); w.delete(x); });
      one.states.push({ v: new Set(v), g: new Set(g), w: new Set(w), h: new Set(h) });
    }
    one.ready = true;
    return one;
  };
  const paint = (one, id, rect, word) => {
    const k = (one.images[id] || {})[word];
    if (k === undefined || !data.arrays[k]) return;
    const image = document.createElementNS(SVG, "image");
    for (const name of ["x", "y", "width", "height"]) image.setAttribute(name, rect.getAttribute(name));
    image.setAttribute("class", word);
    image.setAttribute("preserveAspectRatio", "none");
    image.setAttribute("href", painted(data.arrays[k]).toDataURL());
    rect.after(image);
  };
  const label = (edge, text, back) => {
    const t = document.createElementNS(SVG, "text"), p = edge.getPointAtLength(edge.getTotalLength() / 2);
    t.setAttribute("x", p.x); t.setAttribute("y", p.y - 4);
    t.setAttribute("class", "el" + (back ? " eb" : ""));
    t.textContent = text;
    return t;
  };
  const draw = () => {
    const step = level.steps[at], state = level.states[at], lit = new Set(step.n), back = /backward|seed|end/.test(step.p);
    for (const [id, node] of level.n) {
      const list = node.classList;
      list.toggle("known", state.v.has(id));
      list.toggle("graded", state.g.has(id));
      list.toggle("held", state.h.has(id));
      list.toggle("part", state.w.has(id));
      list.toggle("now", lit.has(id));
      list.toggle("back", back && lit.has(id));
    }
    const edges = new Map(step.e || []);
    level.element.querySelectorAll("text.el").forEach((t) => t.remove());
    level.e.forEach((edge, i) => {
      edge.classList.toggle("fwd", edges.has(i) && !back);
      edge.classList.toggle("bwd", edges.has(i) && back);
      if (edges.get(i)) level.element.append(label(edge, edges.get(i), back));
    });
  };
  // How large: as large as fits, but never so small that it can't be read, unless all is to be seen.
  const size = () => {
    const svg = level.element, [, , w, h] = svg.getAttribute("viewBox").split(" ").map(Number);
    const high = stage.clientHeight > 120 ? (stage.clientHeight - 24) / h : 1, fits = Math.min((stage.clientWidth - 24) / w, high);
    const whole = fits > 0.88 || $("[data-act=fit]").getAttribute("aria-pressed") === "true";
    const scale = whole ? Math.min(fits, 1.6) : Math.max(0.88, Math.min(1.2, high));
    svg.setAttribute("width", (w * scale).toFixed(1));
    svg.setAttribute("height", (h * scale).toFixed(1));
  };
  const reveal = (step) => {
    const node = level.n.get((step.n || [])[0]);
    if (!node || step.p === "start" || step.p === "end") return;
    const b = node.getBoundingClientRect(), s = stage.getBoundingClientRect();
    if (b.left < s.left + 8 || b.right > s.right - 8) stage.scrollLeft += b.left + b.width / 2 - s.left - s.width / 2;
    if (b.top < s.top + 8 || b.bottom > s.bottom - 8) stage.scrollTop += b.top + b.height / 2 - s.top - s.height / 2;
  };

  // Steps

  const show = (k) => {
    at = Math.max(0, Math.min(level.steps.length - 1, k));
    const step = level.steps[at];
    draw();
    fill(data.cards[step.card], step);
    range.value = String(at + 1);
    range.setAttribute("aria-valuetext", `Step ${at + 1} of ${level.steps.length}: ${data.cards[step.card].t}`);
    count.textContent = `Step ${at + 1} of ${level.steps.length}`;
    run.value = String(at);
    $("[data-act=into]").disabled = finer(step) === null;
    $("[data-act=over]").disabled = data.levels.indexOf(level) === 0;
    for (const name of ["first", "previous"]) $(`[data-act=${name}]`).setAttribute("aria-disabled", String(at === 0));
    for (const name of ["next", "last"]) $(`[data-act=${name}]`).setAttribute("aria-disabled", String(at === level.steps.length - 1));
    reveal(step);
  };
  const turn = (name, k) => {
    level = prepare(data.levels.find((one) => one.name === name) || data.levels[0]);
    stage.replaceChildren(level.element);
    root.dataset.level = level.name;
    for (const button of all(".ts-levels button")) button.setAttribute("aria-pressed", String(button.dataset.level === level.name));
    range.max = String(level.steps.length);
    run.replaceChildren(...level.steps.map((s, i) => { const o = make("option", "", `${i + 1}. ${s.p === "backward" ? "← " : s.p === "forward" ? "→ " : ""}${data.cards[s.card].t}`); o.value = String(i); return o; }));
    const first = level.steps.findIndex((s) => s.p === "seed"), n = level.steps.length;
    $(".ts-phases").style.setProperty("--turn", first < 0 ? "100%" : `${((first - 0.5) / Math.max(1, n - 1)) * 100}%`);
    size();
    show(k);
  };
  // The same moment at another level: the step that is about the same calls, or as far along in the same phase.
  const same = (step, other) => {
    const steps = other.steps.map((s, i) => [s, i]).filter(([s]) => s.p === step.p);
    if (!steps.length) return step.p === "start" ? 0 : other.steps.length - 1;
    const exact = step.c && other.group === level.group ? steps.find(([s]) => s.c && s.c.includes(step.c[0])) : null;
    if (exact) return exact[1];
    const where = data.cards[step.card].w, named = where ? steps.find(([s]) => { const w = data.cards[s.card].w || ""; return w === where || w.startsWith(where + "."); }) : null;
    if (named) return named[1];
    const mine = level.steps.filter((s) => s.p === step.p), share = mine.indexOf(step) / Math.max(1, mine.length - 1);
    return steps[Math.round(share * (steps.length - 1))][1];
  };
  const finer = (step) => {
    const next = data.levels[data.levels.indexOf(level) + 1];
    return next && (step.p === "forward" || step.p === "backward") ? next : null;
  };
  const stop = () => { clearInterval(timer); timer = null; const b = $("[data-act=play]"); b.setAttribute("aria-pressed", "false"); b.setAttribute("aria-label", "Play"); };
  const play = () => {
    if (timer) return stop();
    const b = $("[data-act=play]");
    b.setAttribute("aria-pressed", "true");
    if (at === level.steps.length - 1) show(0);
    timer = setInterval(() => { if (at >= level.steps.length - 1) stop(); else show(at + 1); }, +$("[data-act=speed]").value);
  };
  const by = (act) => () => { stop(); act(); };
  Object.assign(acts, {
    first: by(() => show(0)), previous: by(() => show(at - 1)), next: by(() => show(at + 1)),
    last: by(() => show(level.steps.length - 1)), play,
    to: by0((id) => {
      const hits = level.steps.map((s, i) => [s, i]).filter(([s]) => s.n.includes(id) && (s.p === "forward" || s.p === "backward" || s.p === "seed")).map(([, i]) => i);
      const later = hits.find((i) => i > at);
      const leaf = level.steps.findIndex((s, i) => i > at && (s.g || []).includes(id));
      const target = later ?? (leaf >= 0 ? leaf : hits[0] ?? level.steps.findIndex((s) => (s.g || s.v || []).includes(id)));
      if (target >= 0) show(target);
    }),
    into: by(() => { const step = level.steps[at], next = finer(step); if (next) turn(next.name, same(step, prepare(next))); }),
    over: by(() => { const up = data.levels[data.levels.indexOf(level) - 1]; if (up) turn(up.name, same(level.steps[at], prepare(up))); }),
    help: () => (help.open ? help.close() : help.showModal()), close: () => help.close(),
    fit: () => { const b = $("[data-act=fit]"); b.setAttribute("aria-pressed", String(b.getAttribute("aria-pressed") !== "true")); size(); reveal(level.steps[at]); },
    theme: () => {
      const scheme = getComputedStyle(root).colorScheme;
      const dark = scheme === "dark" || (scheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
      root.dataset.theme = dark ? "light" : "dark";
    },
  });
  function by0(act) { return (id) => { stop(); act(id); }; }
  for (const button of all("button[data-act]")) button.addEventListener("click", () => acts[button.dataset.act]());
  range.addEventListener("input", () => { stop(); show(+range.value - 1); });
  run.addEventListener("change", () => { stop(); show(+run.value); });
  $("[data-act=speed]").addEventListener("change", () => { if (timer) { stop(); play(); } });
  for (const one of data.levels) {
    const button = make("button", "", one.name);
    button.type = "button";
    button.dataset.level = one.name;
    button.addEventListener("click", () => { if (one !== level) { stop(); turn(one.name, same(level.steps[at], prepare(one))); } });
    $(".ts-levels").append(button);
  }
  const keys = { ArrowRight: acts.next, ArrowLeft: acts.previous, Home: acts.first, End: acts.last, " ": play, "?": acts.help, ArrowDown: acts.into, ArrowUp: acts.over };
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !keys[event.key]) return;
    const inside = event.target.closest ? event.target.closest("input,select,textarea,summary,button,[contenteditable],.ts-card,.ts-stage,pre") : null;
    const tag = inside ? inside.tagName : "";
    if (help.open && event.key !== "?") return;
    if (/INPUT|SELECT|TEXTAREA/.test(tag) && event.key !== "?") return;
    if (event.key === " " && /BUTTON|SUMMARY/.test(tag)) return;
    if (/ArrowUp|ArrowDown/.test(event.key) && inside && tag !== "BUTTON") return;
    event.preventDefault();
    keys[event.key]();
  };
  host.addEventListener("keydown", press);
  listeners.push(() => host.removeEventListener("keydown", press));
  const watcher = new ResizeObserver(() => { if (level) { size(); reveal(level.steps[at]); } });
  listeners.push(() => watcher.disconnect());
  if (data.levels.length < 2) for (const s of [".ts-levels", "[data-act=into]", "[data-act=over]"]) $(s).hidden = true;
  root.classList.add("ts-live");
  turn(data.start, 0);
  watcher.observe(stage);
  return { show, close: () => { stop(); listeners.forEach((f) => f()); }, get at() { return at; }, get level() { return level.name; } };
}

// A page's data: JSON, deflated, in base 85.
export async function unpacked(text) {
  const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%.()*+-;,=>?@^_`{|}~";
  const view = new DataView(new ArrayBuffer(Math.ceil(text.length / 5) * 4));
  for (let i = 0; i < text.length; i += 5) {
    view.setUint32(i * 0.8, [...text.slice(i, i + 5).padEnd(5, "~")].reduce((n, c) => n * 85 + letters.indexOf(c), 0));
  }
  const bytes = new Uint8Array(view.buffer, 0, Math.floor(text.length * 0.8));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}
const page = typeof document === "object" && document.body && document.body.classList.contains("ts-page") ? document.querySelector(".ts") : null;
if (page) unpacked(document.getElementById(page.id + "-data").textContent).then((data) => mount(page, data, document));
