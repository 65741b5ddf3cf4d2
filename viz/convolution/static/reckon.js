// Convolution arithmetic: what any setting of the sliders comes to.
const PADDED = -1, INSERTED = -2, SHOWN = 4, NS = "http://www.w3.org/2000/svg";
const $ = (selector) => document.querySelector(selector);
const given = JSON.parse($("#data").textContent);
const range = (n) => Array.from({ length: Math.max(n, 0) }, (_, i) => i);

// One axis: the same reckoning as viz.convolution.geometry.Axis.
function axis({ size, kernel, stride, before, after, dilation, transposed, extra }) {
  const reach = (kernel - 1) * dilation + 1, gap = transposed ? stride - 1 : 0;
  const around = transposed ? [reach - 1 - before, reach - 1 - after + extra] : [before, after];
  const inner = range(size).flatMap((i) => [i, ...Array(gap).fill(INSERTED)]).slice(0, size + gap * (size - 1));
  const zeros = (n) => Array(Math.max(n, 0)).fill(PADDED);
  const field = [...zeros(around[0]), ...inner, ...zeros(around[1])];
  const room = size + before + after - reach;
  const out = transposed ? (size - 1) * stride - before - after + reach + extra : Math.floor(room / stride) + 1;
  const lost = transposed || room < 0 ? 0 : room % stride, step = transposed ? 1 : stride, start = Math.max(-around[0], 0);
  const taps = (o) => range(kernel).map((k) => start + o * step + k * dilation);
  const read = new Set(range(out).flatMap(taps));
  const twice = before === after ? `2·${before}` : `(${before} + ${after})`;
  const sum = transposed ? `(${size} − 1)·${stride} + ${reach} − ${twice}${extra ? ` + ${extra}` : ""} = ${out}`
    : lost ? `⌊(${size} − ${reach} + ${twice}) / ${stride}⌋ + 1 = ${out}` : `(${size} − ${reach} + ${twice}) / ${stride} + 1 = ${out}`;
  return { size, kernel, reach, field, out, lost, taps, read, sum, stride, dilation, extra };
}

// Settings, as the sliders say them; a live layer keeps its sizes.
const TABLE = [
  ["input", "Input", 1, 12], ["kernel", "Kernel", 1, 7], ["stride", "Stride", 1, 5], ["padding", "Padding", 0, 5],
  ["dilation", "Dilation", 1, 4], ["extra", "Output padding", 0, 4], ["inputs", "Channels in", 1, 4],
  ["outputs", "Channels out", 1, 4], ["groups", "Groups", 1, 4],
];
const PAIRS = new Set(["input", "kernel", "stride", "padding", "dilation", "extra"]);
const s = { ...given.settings };
let step = given.step, playing = 0;

function problemOf(rows, columns) {
  const all = [rows, columns], size = (f) => all.map(f).join("×");
  if (s.inputs % s.groups || s.outputs % s.groups) return `${s.groups} groups can't share ${s.inputs} input and ${s.outputs} output channels evenly: both must be multiples of ${s.groups}.`;
  if (!s.transposed && all.some((a) => a.out < 1)) return `The kernel, which covers ${size((a) => a.reach)}, is larger than the input with its padding, ${size((a) => a.field.length)}: take a smaller kernel, a larger input or more padding.`;
  if (s.transposed && all.some((a) => a.extra && a.extra >= Math.max(a.stride, a.dilation))) return `Output padding ${size((a) => a.extra)} must be smaller than the stride or the dilation.`;
  if (all.some((a) => a.out < 1)) return `The output would have size ${size((a) => a.out)}: take less padding.`;
  return "";
}

function model() {
  const one = (i) => axis({ size: s.input[i], kernel: s.kernel[i], stride: s.stride[i], before: s.padding[i][0], after: s.padding[i][1],
    dilation: s.dilation[i], transposed: s.transposed, extra: s.transposed ? s.extra[i] : 0 });
  const rows = one(0), columns = one(1), problem = problemOf(rows, columns);
  if (problem) return { problem };
  const share = s.inputs / s.groups, made = s.outputs / s.groups, h = rows.out, w = columns.out, per = h * w;
  const x = given.x ? (c, i, j) => given.x[(c * rows.size + i) * columns.size + j] : (c, i, j) => (2 * i + 3 * j + i * j + c) % 5;
  const k = given.weight ? (o, c, i, j) => given.weight[((o * share + c) * rows.kernel + i) * columns.kernel + j]
    : (o, c, i, j) => (i + 2 * j + i * j + c + 2 * o) % 4 - 1;
  const bias = given.bias ? (o) => given.bias[o] : null;
  const steps = s.outputs * per, upstream = given.upstream?.length === steps ? (t) => given.upstream[t] : () => 1;
  const place = (t) => [Math.floor(t / per), Math.floor((t % per) / w), t % w];
  const pixel = (c, i, j) => { const [y, z] = [rows.field[i], columns.field[j]]; return y < 0 || z < 0 ? 0 : x(c, y, z); };
  const sources = (o) => range(share).map((c) => Math.floor(o / made) * share + c);
  const products = (o, r, q) => sources(o).map((c, at) => rows.taps(r).flatMap((i, a) => columns.taps(q).map((j, b) => [pixel(c, i, j), k(o, at, a, b)])));
  const known = new Map();
  const y = (o, r, q) => {
    const key = (o * h + r) * w + q;
    if (!known.has(key)) known.set(key, (bias ? bias(o) : 0) + products(o, r, q).flat().reduce((t, [a, b]) => t + a * b, 0));
    return known.get(key);
  };
  // What the steps up to `last` hand to one input plane, and to the kernel of one output and one input channel.
  const inputGradient = (c, last) => {
    const total = rows.field.map(() => columns.field.map(() => 0));
    for (let t = 0; t <= last; t++) {
      const [o, r, q] = place(t), at = sources(o).indexOf(c), g = upstream(t);
      if (at < 0 || !g) continue;
      rows.taps(r).forEach((i, a) => columns.taps(q).forEach((j, b) => { total[i][j] += g * k(o, at, a, b); }));
    }
    return total;
  };
  const kernelGradient = (o, c, last) => {
    const total = range(rows.kernel).map(() => range(columns.kernel).map(() => 0));
    for (let t = o * per; t <= Math.min(last, (o + 1) * per - 1); t++) {
      const [, r, q] = place(t), g = upstream(t);
      rows.taps(r).forEach((i, a) => columns.taps(q).forEach((j, b) => { total[a][b] += g * pixel(c, i, j); }));
    }
    return total;
  };
  return { rows, columns, share, made, per, place, pixel, sources, products, y, k, bias, upstream, steps, inputGradient, kernelGradient };
}

// Numbers as text.
const minus = (text) => text.replace("-", "−");
const number = (v) => minus(String(Number((v + 0).toPrecision(4))));
function short(v) {
  if (Number.isInteger(v) && Math.abs(v) < 10000) return minus(String(v));
  const text = v.toFixed(2);
  return Math.abs(v) >= 1000 || Number(text) === 0 ? number(Number(v.toPrecision(1))) : minus(text);
}
const bracket = (v) => (v < 0 ? `(${number(v)})` : number(v));
const signed = (v) => (v < 0 ? `− ${number(-v)}` : `+ ${number(v)}`);
const narrow = () => $(".stage").clientWidth < 560;
const size = (pair) => (s.flat ? String(pair[1]) : pair.join("×"));

