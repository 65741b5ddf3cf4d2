// One picture a level: laid out once; a step changes classes and words, and only those that differ.
const prepared = (data, one, run) => {
  if (one.element) return one;
  const svg = document.importNode(new DOMParser().parseFromString(one.svg, "image/svg+xml").documentElement, true), cut = data.key.length + 2;
  svg.setAttribute("role", "group");
  svg.setAttribute("aria-label", `${data.title}, level ${one.name}`);
  Object.assign(one, { element: svg, n: new Map(), e: [], lit: [], words: [], marks: [], right: one.steps });
  for (const node of svg.querySelectorAll("g.n")) {
    const id = node.id.slice(cut), box = { node, kind: node.getAttribute("class"), v: Infinity, g: Infinity, w: Infinity, h: Infinity, images: [] };
    one.n.set(id, box);
    node.setAttribute("role", "link");
    node.setAttribute("tabindex", "-1");
    node.setAttribute("aria-label", [...node.querySelectorAll("text.h, text.f")].map((t) => t.textContent.trim()).join(" "));
    node.addEventListener("click", () => run(id));
    for (const word of ["iv", "ig"]) for (const rect of node.querySelectorAll("rect." + word)) imageOf(data, one, id, rect, word, box);
    if ((one.cut || []).includes(id)) hatch(box);
  }
  for (const edge of svg.querySelectorAll("path.e")) one.e[+edge.id.slice(cut + 1)] = { edge, middle: null };
  one.steps.forEach((s, k) => {
    for (const word of "vgwh") for (const id of s[word] || []) { const box = one.n.get(id); box[word] = Math.min(box[word], k); }
  });
  one.back = one.steps.findIndex((s) => s.p === "seed");
  if (one.naive) one.wrongly = [...one.steps.slice(0, one.back + 1), ...one.naive];
  leisurely([...one.n.values()].flatMap((box) => box.images));
  return one;
};
const hatch = (box) => {
  const frame = box.node.firstElementChild.cloneNode();
  frame.setAttribute("class", "hatch");
  box.node.firstElementChild.after(frame);
  box.kind += " cut";
};
// The image of an array in a box; it is painted when it is seen, or before, when there is time.
const imageOf = (data, one, id, rect, word, box) => {
  const a = data.arrays[(one.images[id] || {})[word]], image = document.createElementNS(SVG, "image");
  if (!a) return;
  for (const name of ["x", "y", "width", "height"]) image.setAttribute(name, rect.getAttribute(name));
  image.setAttribute("class", word);
  image.setAttribute("preserveAspectRatio", "none");
  rect.after(image);
  box.images.push(() => { if (!image.hasAttribute("href")) image.setAttribute("href", addressOf(a)); });
};
const wordAt = (one, name, x, y, text) => {
  const t = document.createElementNS(SVG, "text");
  t.setAttribute("x", x);
  t.setAttribute("y", y);
  t.setAttribute("class", name);
  t.textContent = text;
  one.element.append(t);
  return t;
};
// Words at the border of a box: what colour alone must not say.
const tag = (one, id, text, word, low = false) => {
  const box = one.n.get(id);
  if (!box || !text) return [];
  const frame = box.node.firstElementChild, n = (name) => +frame.getAttribute(name);
  return [wordAt(one, "tag " + word, n("x") + n("width") / 2, n("y") + (low ? n("height") + 10.5 : -4.5), text)];
};
// What boxes are coloured by: it stays from step to step.
const paintBy = (one, mode) => {
  const [, marks] = (one.by || {})[mode] || ["", {}];
  one.marks.forEach((t) => t.remove());
  one.marks = [];
  for (const [id, box] of one.n) {
    box.by = id in marks ? " by" : mode === "kind" ? "" : " pale";
    if (id in marks) { box.node.style.setProperty("--by", marks[id][0]); one.marks.push(...tag(one, id, marks[id][1], "ty")); }
  }
  one.e.forEach(({ edge }, i) => edge.style.setProperty("--wide", (mode === "grad" && one.widths[i]) || ""));
};
const wordsOf = (one, step, naive) => {
  const found = [], wrong = new Set(), add = (id, text, word, low) => found.push(...tag(one, id, text, word, low));
  for (const [id, text] of Object.entries(naive ? {} : one.wrong || {})) { wrong.add(id); add(id, text, "tb", true); }
  for (const [id, text] of Object.entries(step.t || {})) {
    if (text[0] === "✗") wrong.add(id);
    add(id, text, text[0] === "✗" ? "tb" : "tn", true);
  }
  if (step.y) { wrong.add(step.n[0]); add(step.n[0], "✗ fires too early", "tb"); }
  return [found, wrong];
};
const drawn = (one, at) => {
  const step = one.steps[at], naive = one.steps === one.wrongly, k = naive ? Math.min(at, one.back) : at, back = /backward|seed|end/.test(step.p);
  const middle = (e) => (e.middle ??= e.edge.getPointAtLength(e.edge.getTotalLength() / 2)); // asked before anything changes
  const bears = (step.e || []).map(([i, text]) => [one.e[i], text, text ? middle(one.e[i]) : null]);
  for (const t of one.words) t.remove();
  const [words, wrong] = wordsOf(one, step, naive), now = new Set(step.n);
  for (const [id, box] of one.n) {
    const look = box.kind + (box.by || "") + (box.v <= k ? " known" : "") + (box.g <= k ? " graded" : "") + (box.h <= k ? " held" : "")
      + (box.w <= k && box.g > k ? " part" : "") + (now.has(id) ? (back ? " now back" : " now") : "") + (wrong.has(id) ? " wrong" : "");
    if (look !== box.look) box.node.setAttribute("class", (box.look = look));
    if (box.images.length && (now.has(id) || (step.g || []).includes(id))) box.images.forEach((paint) => paint());
  }
  for (const { edge } of one.lit) edge.setAttribute("class", "e");
  one.lit = bears.map(([e]) => e);
  for (const [{ edge }, text, p] of bears) {
    edge.setAttribute("class", back ? "e bwd" : "e fwd");
    if (p) words.push(wordAt(one, back ? "el eb" : "el", p.x, p.y - 4, text));
  }
  one.words = words;
};
