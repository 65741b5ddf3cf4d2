// The matrix of a convolution: what belongs together lights up.
const $ = (selector) => document.querySelector(selector);
const d = JSON.parse($("#data").textContent), [rows, columns] = d.shape, per = d.kernel[0] * d.kernel[1];
const area = (pair) => pair[0] * pair[1], range = (n) => Array.from({ length: n }, (_, i) => i);
const at = new Map(), ofRow = range(rows).map(() => []), ofColumn = range(columns).map(() => []);
d.places[0].forEach((r, i) => { const [c, k] = [d.places[1][i], d.places[2][i]]; at.set(r * columns + c, k); ofRow[r].push([c, k]); ofColumn[c].push([r, k]); });
const colour = (k) => d.colours[k % per];

function element(tag, parent, cls = "", text) {
  const made = document.createElement(tag);
  if (cls) made.className = cls;
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}
function cell(row, text, cls, kind, index) {
  const td = element("td", row, cls, text);
  td.dataset[kind] = index;
  return td;
}
function plane(title, size, start, texts, cls, kind) {
  const figure = element("figure", $(".panels"));
  element("figcaption", figure, "", title);
  const table = element("table", figure);
  return range(size[0]).flatMap((i) => { const row = element("tr", table); return range(size[1]).map((j) => cell(row, texts[start + i * size[1] + j], cls, kind, start + i * size[1] + j)); });
}
const many = (n, c) => (n > 1 ? `, channel ${c}` : "");
const pixels = range(d.channels).flatMap((c) => plane(`x${many(d.channels, c)}`, d.image, c * area(d.image), d.x, "input", "pixel"));
const share = d.weight.length / per / d.made, source = (n) => Math.floor(Math.floor(n / share) / (d.made * share / d.channels)) * share + n % share;
const kernels = range(d.weight.length / per).flatMap((n) => plane(`kernel${d.weight.length > per ? ` ${source(n)} → ${Math.floor(n / share)}` : ""}`, d.kernel, n * per, d.weight, "k", "entry"));
const outputs = range(d.made).flatMap((c) => plane(`y${many(d.made, c)}`, d.output, c * area(d.output), d.y, "output", "row"));
kernels.forEach((td, k) => td.style.setProperty("--own", colour(k)));

const table = element("table", $(".scroll"));
const head = element("tr", table), strip = d.x.map((text, c) => cell(head, text, "input", "pixel", c));
element("td", element("tr", table), "gap").colSpan = columns;
const lines = [], cells = [];
for (const r of range(rows)) {
  const line = element("tr", table);
  line.dataset.row = r;
  lines.push(line);
  for (const c of range(columns)) {
    const k = at.get(r * columns + c), td = element("td", line, k === undefined ? "" : "k", k === undefined ? "0" : d.weight[k]);
    if (c && c % d.image[1] === 0) td.classList.add("edge");
    if (k !== undefined) { td.style.setProperty("--own", colour(k)); td.dataset.entry = k; }
    cells.push(td);
  }
  element("td", line, "gap");
  cell(line, d.y[r], "output", "row", r);
}
const made = lines.map((line) => line.lastChild);

let chosen = d.row;
function clear() {
  for (const part of document.querySelectorAll(".lit, .now, .keep")) part.classList.remove("lit", "now", "keep");
  table.classList.remove("dim");
}
const light = (td, k) => { td.style.setProperty("--own", colour(k)); td.classList.add("lit"); };
const sum = (parts) => parts.slice(0, 36).map(([a, b]) => `${a}·${b.startsWith("−") ? `(${b})` : b}`).join(" + ") + (parts.length > 36 ? " + …" : "");
function showRow(r) {
  clear();
  lines[r].classList.add("now");
  for (const td of [outputs[r], made[r]]) td.classList.add("now");
  for (const [c, k] of ofRow[r]) { light(pixels[c], k); light(strip[c], k); }
  $(".say").textContent = `Row ${r} makes y.ravel()[${r}]: ${sum(ofRow[r].map(([c, k]) => [d.x[c], d.weight[k]]))} = ${d.y[r]}`;
}
function showPixel(c) {
  clear();
  table.classList.add("dim");
  for (const td of [pixels[c], strip[c]]) td.classList.add("now");
  for (const [r, k] of ofColumn[c]) { cells[r * columns + c].classList.add("keep", "now"); light(outputs[r], k); light(made[r], k); kernels[k].classList.add("now"); }
  $(".say").textContent = `Pixel ${c} is read by ${ofColumn[c].length} row${ofColumn[c].length === 1 ? "" : "s"}; its gradient is the sum of theirs, each times the entry that stands there: column ${c}, which is row ${c} of the transposed matrix.`;
}
function showEntry(k) {
  clear();
  table.classList.add("dim");
  kernels[k].classList.add("now");
  let count = 0;
  at.forEach((entry, place) => { if (entry === k) { cells[place].classList.add("keep"); count += 1; } });
  $(".say").textContent = `This entry of the kernel, ${d.weight[k]}, stands in the matrix ${count} times: one parameter, shared; its gradient is the sum over all its places.`;
}
function look(event) {
  const part = event.target.closest("[data-pixel], [data-row], [data-entry]");
  if (!part) return;
  const inMatrix = part.closest(".scroll");
  if (part.dataset.pixel !== undefined) showPixel(Number(part.dataset.pixel));
  else if (part.dataset.entry !== undefined && !inMatrix) showEntry(Number(part.dataset.entry));
  else { chosen = Number(part.closest("[data-row]").dataset.row); showRow(chosen); }
}
for (const kind of ["pointerover", "click"]) $("main").addEventListener(kind, look);
$("main").addEventListener("pointerleave", () => showRow(chosen));
document.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
  if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  chosen = Math.max(0, Math.min(rows - 1, chosen + step));
  showRow(chosen);
  lines[chosen].scrollIntoView({ block: "nearest" });
});
$("[data-act=theme]").addEventListener("click", () => {
  const root = document.documentElement, dark = root.dataset.theme === "dark" || (root.dataset.theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "light" : "dark";
});
showRow(chosen);
