// Convolution arithmetic: draws one step, after reckon.js has worked it out.
function make(tag, attributes, parent, text) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}
const rect = (p, i, j, cls, svg, extra = {}) => make("rect", { x: p.x + j * p.c, y: p.y + i * p.c, width: p.c, height: p.c, class: `c ${cls}`, ...extra }, svg);
function frame(p, rows, columns, cls, svg) {
  const [i, j] = [rows[0], columns[0]], height = (rows.at(-1) - i + 1) * p.c, width = (columns.at(-1) - j + 1) * p.c;
  make("rect", { x: p.x + j * p.c, y: p.y + i * p.c, width, height, class: `frame ${cls}` }, svg);
}
// Numbers too small to read are painted: blue below 0, white 0, orange above, as viz.style.theme.heat_colour.
function heat(value, largest) {
  const share = Math.max(-1, Math.min(1, largest > 0 ? value / largest : 0)), end = share > 0 ? [196, 84, 0] : [20, 84, 180];
  return `rgb(${end.map((c) => Math.round(254 + (c - 254) * Math.abs(share))).join()})`;
}
let painted = false;
function paint(p, values, svg, zero) {
  painted = true;
  const largest = Math.max(...values.flat().map((v) => Math.abs(v ?? 0)));
  values.forEach((row, i) => row.forEach((v, j) => { if (v !== null && !zero(i, j)) rect(p, i, j, "heat", svg).style.fill = heat(v, largest); }));
}
function write(p, values, cls, svg, strong = () => false, lift = 0, zero = () => false) {
  const texts = values.map((row) => row.map((v) => (v === null ? "" : short(v))));
  const longest = Math.max(1, ...texts.flat().map((t) => t.length)), letter = Math.min(0.42 * p.c, (p.c - 3) / (0.56 * longest));
  if (letter < 5) return paint(p, values, svg, zero);
  texts.forEach((row, i) => row.forEach((text, j) => {
    if (!text) return;
    const bold = strong(i, j);
    make("text", { x: p.x + (j + 0.5) * p.c, y: p.y + (i + 0.5 - (bold ? lift : 0)) * p.c, "font-size": letter, class: bold ? `${cls} bold` : cls }, svg, text);
  }));
}
const planes = (wanted, channels, most) => channels <= most ? range(channels) : wanted.length > 1 ? wanted.slice(0, most) : [...range(most - 1), Math.max(most - 1, wanted[0])];

function layout(m, [o]) {
  const most = Math.max(m.rows.field.length, m.columns.field.length, m.rows.out, m.columns.out) > 20 ? SHOWN / 2 : SHOWN;
  const ins = planes(m.sources(o), s.inputs, most), outs = planes([o], s.outputs, most);
  const F = [m.rows.field.length, m.columns.field.length], K = s.kernel, O = [m.rows.out, m.columns.out];
  const small = narrow(), label = ins.length + outs.length > 2 ? 18 : 0, head = 36;
  const stacked = small && ins.length === 1 && outs.length === 1 && !s.flat, gap = small ? 30 : 60;
  const across = stacked ? Math.max(F[1], K[1] + O[1] + 2) : F[1] + K[1] + O[1];
  const room = Math.max($(".stage").clientWidth - 24, 280), c = Math.max(across > 30 ? 5 : small ? 15 : 20, Math.min(44, (room - 2 * gap) / across));
  if (stacked) {
    const c2 = Math.min(40, (room - 16) / across), y2 = head + F[0] * c2 + 22 + head, tall = Math.max(K[0], O[0]) * c2;
    const p = { fields: { 0: { x: (room - F[1] * c2) / 2, y: head, c: c2 } }, kernels: { 0: { x: 8, y: y2 + (tall - K[0] * c2) / 2, c: c2 } },
      outputs: { 0: { x: room - O[1] * c2 - 8, y: y2 + (tall - O[0] * c2) / 2, c: c2 } }, stacked };
    return { p, ins, outs, width: room, band: y2 + tall + 14, F, O };
  }
  const rowsOf = (n, h) => n * (h * c + label) + (n - 1) * 12;
  const tall = Math.max(rowsOf(ins.length, Math.max(F[0], K[0])), rowsOf(outs.length, O[0]));
  const p = { fields: {}, kernels: {}, outputs: {} }, x1 = 8 + F[1] * c + gap, x2 = x1 + K[1] * c + gap;
  const each = Math.max(F[0], K[0]) * c + label, top = head + (tall - rowsOf(ins.length, Math.max(F[0], K[0]))) / 2;
  ins.forEach((ch, n) => {
    const y = top + n * (each + 12) + label;
    p.fields[ch] = { x: 8, y: y + (each - label - F[0] * c) / 2, c };
    p.kernels[ch] = { x: x1, y: y + (each - label - K[0] * c) / 2, c };
  });
  outs.forEach((ch, n) => { p.outputs[ch] = { x: x2, y: head + (tall - rowsOf(outs.length, O[0])) / 2 + n * (O[0] * c + label + 12) + label, c }; });
  return { p, ins, outs, width: x2 + O[1] * c + 10, band: head + tall + 16, F, O };
}

function beams(m, p, [o, r, q], svg, cls) {
  const out = p.outputs[o], rows = m.rows.taps(r), columns = m.columns.taps(q);
  const line = (a, b) => make("polyline", { points: `${a.join()} ${b.join()}`, class: `beam ${cls}` }, svg);
  for (const c of m.sources(o)) {
    const f = p.fields[c], k = p.kernels[c];
    if (!f) continue;
    for (const end of [0, 1]) {
      const ky = k.y + end * s.kernel[0] * k.c;
      if (p.stacked) line([f.x + (end ? columns.at(-1) + 1 : columns[0]) * f.c, f.y + (rows.at(-1) + 1) * f.c], [k.x + end * s.kernel[1] * k.c, k.y]);
      else line([f.x + (columns.at(-1) + 1) * f.c, f.y + (end ? rows.at(-1) + 1 : rows[0]) * f.c], [k.x, ky]);
      line([k.x + s.kernel[1] * k.c, ky], [out.x + q * out.c, out.y + (r + end) * out.c]);
    }
  }
}

function headings(l, words, svg, cls) {
  [l.p.fields, l.p.kernels, l.p.outputs].forEach((part, n) => {
    const top = Object.values(part)[0], w = [l.F[1], s.kernel[1], l.O[1]][n] * top.c;
    const y = (l.p.stacked ? top.y - 26 : l.top + 10), half = Math.max(...words[n].map((t) => t.length)) * 3.3;
    const x = Math.min(Math.max(top.x + w / 2, half + 2), l.width - half - 2);
    words[n].forEach((text, i) => make("text", { x, y: y + 14 * i, class: `${i ? "sub" : "head"} ${cls}` }, svg, text));
  });
}

function labels(m, l, [o], svg) {
  if (l.ins.length + l.outs.length === 2) return;
  const put = (p, text, w) => make("text", { x: p.x + w / 2, y: p.y - 8, class: "sub" }, svg, text);
  const bar = (p, g, h) => make("rect", { x: p.x - 6, y: p.y, width: 3.5, height: h * p.c, class: `g${g % 4}` }, svg);
  const group = (g) => (s.groups > 1 ? `, group ${g}` : "");
  for (const [c, p] of Object.entries(l.p.fields)) { const g = Math.floor(c / m.share); put(p, `channel ${c}${group(g)}`, l.F[1] * p.c); if (s.groups > 1) bar(p, g, l.F[0]); }
  for (const [c, p] of Object.entries(l.p.outputs)) { const g = Math.floor(c / m.made); put(p, `channel ${c}${group(g)}`, l.O[1] * p.c); if (s.groups > 1) bar(p, g, l.O[0]); }
  for (const c of m.sources(o)) if (l.p.kernels[c]) put(l.p.kernels[c], `for ${c} → ${o}`, s.kernel[1] * l.p.kernels[c].c);
}

function forward(m, l, where, svg) {
  const [o, r, q] = where, rows = m.rows.taps(r), columns = m.columns.taps(q), spread = m.rows.dilation > 1 || m.columns.dilation > 1 ? "spread" : "";
  beams(m, l.p, where, svg, "");
  for (const c of l.ins) {
    const p = l.p.fields[c], at = m.sources(o).indexOf(c), inside = (i, j) => at >= 0 && rows.includes(i) && columns.includes(j);
    m.rows.field.forEach((y, i) => m.columns.field.forEach((x, j) => {
      const zero = Math.min(x, y) < 0, cell = rect(p, i, j, zero ? "constant" : "input", svg);
      if (inside(i, j)) cell.style.fill = "var(--parameter-f)";
      if (!m.rows.read.has(i) || !m.columns.read.has(j)) for (const t of [0.5, 1, 1.5]) {
        const [a, b] = [Math.max(t - 1, 0) * p.c, Math.min(t, 1) * p.c];
        make("path", { d: `M${p.x + j * p.c + a} ${p.y + i * p.c + b}L${p.x + j * p.c + b} ${p.y + i * p.c + a}`, class: "unread" }, svg);
      }
    }));
    const zero = (i, j) => Math.min(m.rows.field[i], m.columns.field[j]) < 0;
    write(p, m.rows.field.map((_, i) => m.columns.field.map((_, j) => m.pixel(c, i, j))), "input", svg, inside, p.c >= 22 ? 0.1 : 0, zero);
    if (at < 0) continue;
    rows.forEach((i, a) => columns.forEach((j, b) => {
      const text = `×${short(m.k(o, at, a, b))}`, letter = Math.min(0.27 * p.c, (p.c - 4) / (0.56 * text.length));
      if (spread) frame(p, [i], [j], "parameter", svg);
      if (letter >= 5) make("text", { x: p.x + (j + 1) * p.c - 3, y: p.y + (i + 1) * p.c - 0.6 * letter - 1, "font-size": letter, class: "tap" }, svg, text);
    }));
    frame(p, rows, columns, `parameter ${spread}`, svg);
    const k = l.p.kernels[c], entries = range(s.kernel[0]).map((a) => range(s.kernel[1]).map((b) => m.k(o, at, a, b)));
    entries.forEach((row, a) => row.forEach((_, b) => rect(k, a, b, "parameter", svg)));
    write(k, entries, "parameter", svg);
  }
  for (const c of l.outs) {
    const p = l.p.outputs[c], t = (i, j) => (c * m.rows.out + i) * m.columns.out + j;
    range(m.rows.out).forEach((i) => range(m.columns.out).forEach((j) => rect(p, i, j, `output pick ${t(i, j) > step ? "blank" : ""}`, svg, { "data-step": t(i, j) })));
    write(p, range(m.rows.out).map((i) => range(m.columns.out).map((j) => (t(i, j) <= step ? m.y(c, i, j) : null))), "output", svg, (i, j) => t(i, j) === step);
    if (c === o) frame(p, [r], [q], "output", svg);
  }
  labels(m, l, where, svg);
}

function backward(m, l, where, svg) {
  const [o, r, q] = where, rows = m.rows.taps(r), columns = m.columns.taps(q);
  beams(m, l.p, where, svg, "gradient");
  for (const c of l.ins) {
    const p = l.p.fields[c], at = m.sources(o).indexOf(c), inside = (i, j) => at >= 0 && rows.includes(i) && columns.includes(j), total = m.inputGradient(c, step);
    const values = m.rows.field.map((y, i) => m.columns.field.map((x, j) => {
      const zero = Math.min(x, y) < 0;
      rect(p, i, j, zero ? "constant" : `input ${inside(i, j) ? "now" : "paper"}`, svg);
      return zero ? null : total[i][j];
    }));
    write(p, values, "gradient", svg, inside);
    if (at < 0) continue;
    frame(p, rows, columns, "gradient", svg);
    const k = l.p.kernels[c], sum = m.kernelGradient(o, c, step);
    sum.forEach((row, a) => row.forEach((_, b) => rect(k, a, b, "parameter now", svg)));
    write(k, sum, "gradient", svg);
  }
  for (const c of l.outs) {
    const p = l.p.outputs[c], t = (i, j) => (c * m.rows.out + i) * m.columns.out + j;
    range(m.rows.out).forEach((i) => range(m.columns.out).forEach((j) => rect(p, i, j, `output pick ${t(i, j) === step ? "now" : "paper"}`, svg, { "data-step": t(i, j) })));
    write(p, range(m.rows.out).map((i) => range(m.columns.out).map((j) => m.upstream(t(i, j)))), "gradient", svg, (i, j) => t(i, j) === step);
    if (c === o) frame(p, [r], [q], "gradient", svg);
  }
}

// What is said.
function paragraph(parent, text, cls = "") {
  const p = document.createElement("p");
  p.className = cls;
  p.textContent = text;
  parent.append(p);
}
function titles() {
  const plane = (n) => (n > 1 ? (narrow() ? `${n} × ` : `${n} channels of `) : "");
  return { input: plane(s.inputs) + size(s.input), kernel: size(s.kernel) + (s.transposed ? ", turned by 180°" : ""), output: plane(s.outputs) };
}
function say(m, [o, r, q]) {
  const sum = $(".sum"), index = [...(s.outputs > 1 ? [o] : []), ...(s.flat ? [q] : [r, q])], products = m.products(o, r, q), sources = m.sources(o);
  sum.replaceChildren();
  const text = (part) => part.slice(0, part.length > 36 ? 9 : 36).map(([a, b]) => `${bracket(a)}·${bracket(b)}`).join(" + ") + (part.length > 36 ? ` + … (${part.length} products)` : "");
  const total = (part) => part.reduce((t, [a, b]) => t + a * b, 0), bias = m.bias ? ` ${signed(m.bias(o))} (bias)` : "", result = number(m.y(o, r, q));
  paragraph(sum, `output [${index.join(", ")}] = ${result}`, "where");
  if (sources.length === 1) paragraph(sum, `${text(products[0])}${bias} = ${result}`);
  else {
    products.slice(0, SHOWN).forEach((part, n) => paragraph(sum, `channel ${sources[n]}: ${text(part)} = ${number(total(part))}`));
    const more = sources.length > SHOWN ? ` + … (${sources.length} channels)` : "";
    paragraph(sum, `together: ${number(total(products[0]))}${products.slice(1, SHOWN).map((part) => ` ${signed(total(part))}`).join("")}${more}${bias} = ${result}`);
  }
  const g = number(m.upstream(step));
  if (s.backward) paragraph(sum, `back: the gradient here is ${g}; each pixel of the window gets ${g} · its kernel entry, each kernel entry ${g} · its pixel, added to what other windows hand them`, "back");
  const box = $(".size"), { rows, columns } = m, formula = s.transposed ? "(W − 1)·S + F − 2P + output padding" : "(W − F + 2P) / S + 1";
  box.replaceChildren();
  const same = rows.sum === columns.sum && rows.size === columns.size;
  paragraph(box, s.flat ? `length ${formula}: ${columns.sum}` : same ? `height and width ${formula}: ${rows.sum}` : `height ${formula}: ${rows.sum}; width: ${columns.sum}`);
  const wide = [...new Set([rows, columns].filter((a) => a.dilation > 1).map((a) => `F is (${a.kernel} − 1)·${a.dilation} + 1 = ${a.reach}`))];
  if (wide.length) paragraph(box, `with dilation, ${wide.join(" and ")}`);
  const lost = [[rows.lost, "row", "at the bottom"], [columns.lost, "column", "on the right"]].filter(([n]) => n).map(([n, word, where]) => `${n} ${word}${n > 1 ? "s" : ""} ${where}`);
  if (lost.length) paragraph(box, `${lost.join(" and ")} lost to the floor: no window reads there`, "lost");
}
function legend(m) {
  const signs = [["input", "input"], ["parameter", "kernel and its window"], ["output", "output"]];
  if (m.rows.field.concat(m.columns.field).some((n) => n < 0)) signs.push(["constant", s.transposed ? "zero inserted or around" : "zero around (padding)"]);
  if (m.rows.read.size < m.rows.field.length || m.columns.read.size < m.columns.field.length) signs.push(["unread", "read by no window"]);
  if (painted) signs.push(["heat", "numbers as colours: blue below 0, white 0, orange above"]);
  if (s.backward) signs.push(["now", "gradient handed back now"]);
  $(".legend").replaceChildren(...signs.map(([cls, text]) => {
    const item = document.createElement("li"), svg = make("svg", { viewBox: "0 0 16 12", "aria-hidden": "true" }, item);
    if (cls === "heat") [-1, 0, 1].forEach((v, i) => { make("rect", { x: 1 + 5 * i, y: 1, width: 5, height: 10 }, svg).style.fill = heat(v, 1); });
    else make("rect", { x: 1, y: 1, width: 14, height: 10, class: cls === "unread" ? "constant" : cls, ...(cls === "now" ? { stroke: "var(--bwd)" } : {}) }, svg);
    if (cls === "unread") for (const x of [2, 8]) make("path", { d: `M${x} 11L${x + 6} 1`, class: "unread" }, svg);
    item.append(text);
    return item;
  }));
}

// The whole.
function draw() {
  const m = model(), stage = $(".stage"), problem = $(".problem");
  problem.hidden = !m.problem;
  problem.textContent = m.problem || "";
  for (const part of [stage, $(".words"), $(".legend"), $(".bar")]) part.hidden = Boolean(m.problem);
  stage.replaceChildren();
  painted = false;
  if (m.problem) return stop();
  step = Math.max(0, Math.min(step, m.steps - 1));
  const where = m.place(step), l = layout(m, where), bands = s.backward ? 2 : 1, words = titles();
  const height = bands * l.band + 6, out = size([m.rows.out, m.columns.out]);
  const said = `Step ${step + 1} of ${m.steps}: output ${where.join(", ")} is ${number(m.y(...where))}`;
  const svg = make("svg", { viewBox: `0 0 ${l.width} ${height}`, width: l.width, height, role: "img", "aria-label": said }, stage);
  const zeros = m.rows.field.length === m.rows.size && m.columns.field.length === m.columns.size ? "" : narrow() && s.inputs > 1 ? "" : `, with zeros ${size([m.rows.field.length, m.columns.field.length])}`;
  forward(m, l, where, make("g", { class: "forward" }, svg));
  l.top = 2;
  headings(l, [["input", words.input + zeros], ["kernel", words.kernel], ["output", words.output + out]], svg, "");
  if (s.backward) {
    const g = make("g", { class: "backward", transform: `translate(0 ${l.band})` }, svg), done = step === m.steps - 1 ? "complete" : `after ${step + 1} of ${m.steps}`;
    backward(m, l, where, g);
    headings(l, [["gradient: input", done], ["kernel", done], ["output", "given"]], g, "gradient");
    labels(m, l, where, g);
  }
  say(m, where);
  legend(m);
  const way = $(".way");
  way.max = m.steps;
  way.value = step + 1;
  way.setAttribute("aria-valuetext", said);
  $(".count").textContent = `Step ${step + 1} of ${m.steps}`;
}

function stop() {
  clearInterval(playing);
  playing = 0;
  $("[data-act=play]").setAttribute("aria-pressed", "false");
}
function go(to) { step = to; draw(); }
const acts = {
  first: () => go(0), last: () => go(Infinity), previous: () => go(step - 1), next: () => go(step + 1),
  play: () => {
    if (playing) return stop();
    $("[data-act=play]").setAttribute("aria-pressed", "true");
    if (step >= Number($(".way").max) - 1) go(0);
    playing = setInterval(() => { if (step >= Number($(".way").max) - 1) stop(); else go(step + 1); }, 700);
  },
  theme: () => {
    const root = document.documentElement, dark = root.dataset.theme === "dark" || (root.dataset.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = dark ? "light" : "dark";
  },
};
for (const button of document.querySelectorAll("[data-act]")) button.addEventListener("click", () => { if (!["play", "theme"].includes(button.dataset.act)) stop(); acts[button.dataset.act](); });
$(".way").addEventListener("input", (event) => { stop(); go(Number(event.target.value) - 1); });
$(".stage").addEventListener("click", (event) => { const cell = event.target.closest("[data-step]"); if (cell) { stop(); go(Number(cell.dataset.step)); } });
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, button")) return;
  const key = { ArrowRight: "next", ArrowLeft: "previous", Home: "first", End: "last", " ": "play" }[event.key];
  if (!key) return;
  event.preventDefault();
  if (key !== "play") stop();
  acts[key]();
});

// Controls: one slider for both axes, or one for each.
let square = given.square;
function slider(name, label, least, most, axis) {
  const box = document.createElement("label"), input = document.createElement("input"), shown = document.createElement("output");
  const held = s[name], value = PAIRS.has(name) ? (name === "padding" ? held[axis][0] : held[axis]) : held;
  input.type = "range";
  Object.assign(input, { min: least, max: Math.max(most, value), value });
  input.setAttribute("aria-label", label);
  shown.textContent = input.value;
  input.disabled = (given.live && ["input", "kernel", "inputs", "outputs", "groups", "extra"].includes(name)) || (name === "extra" && !s.transposed);
  input.addEventListener("input", () => {
    const number = Number(input.value), axes = PAIRS.has(name) ? (square && !s.flat ? [0, 1] : [axis]) : null;
    if (axes) for (const a of axes) s[name][a] = name === "padding" ? [number, number] : number;
    else s[name] = number;
    shown.textContent = input.value;
    stop();
    step = 0;
    draw();
  });
  box.append(label, input, shown);
  return box;
}
function tick(label, value, change, disabled = false) {
  const box = document.createElement("label"), input = document.createElement("input");
  input.type = "checkbox";
  Object.assign(input, { checked: value, disabled });
  input.addEventListener("change", () => { stop(); change(input.checked); });
  box.className = "box";
  box.append(input, label);
  return box;
}
function controls() {
  const parts = [];
  for (const [name, label, least, most] of TABLE) {
    if (name === "extra" && !s.transposed) continue;
    if (!PAIRS.has(name)) parts.push(slider(name, label, least, most));
    else if (square || s.flat) parts.push(slider(name, label, least, most, 1));
    else parts.push(slider(name, `${label} height`, least, most, 0), slider(name, `${label} width`, least, most, 1));
  }
  const again = (name) => (value) => { s[name] = value; step = name === "backward" ? step : 0; controls(); draw(); };
  parts.push(tick("Transposed", s.transposed, again("transposed"), given.live), tick("Backward: gradients", s.backward, again("backward")));
  if (!s.flat) parts.push(tick("Same for height and width", square, (value) => {
    square = value;
    if (value) for (const name of PAIRS) if (!given.live || !["input", "kernel", "extra"].includes(name)) s[name][0] = s[name][1];
    controls();
    draw();
  }));
  const focused = document.activeElement?.getAttribute?.("aria-label") || document.activeElement?.parentElement?.textContent;
  $(".controls").replaceChildren(...parts);
  for (const input of document.querySelectorAll(".controls input")) if (input.getAttribute("aria-label") === focused || input.parentElement.textContent === focused) input.focus();
}
$(".controls").addEventListener("submit", (event) => event.preventDefault());
let resized = 0;
addEventListener("resize", () => { cancelAnimationFrame(resized); resized = requestAnimationFrame(draw); });
controls();
draw();
