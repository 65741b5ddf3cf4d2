// Arrays: a number, a table, or an image with its scale, and the numbers behind it.
const WORTH = new Uint8Array(128);
[...DIGITS].forEach((letter, i) => { WORTH[letter.charCodeAt(0)] = i; });
const decoded = (a) => {
  if (a.v) return a.v;
  if (a.d) return (a.v = Float64Array.from(a.d, Number));
  const [low, high] = a.r, v = new Float64Array(a.i.length / 2);
  for (let k = 0; k < v.length; k++) {
    const n = WORTH[a.i.charCodeAt(2 * k)] * 64 + WORTH[a.i.charCodeAt(2 * k + 1)];
    v[k] = n > 4094 ? NaN : low + (n / 4094) * (high - low);
  }
  return (a.v = v);
};
const rowsOf = (a) => {
  const columns = a.s.length ? a.s[a.s.length - 1] : 1, rows = [];
  for (let i = 0; i < a.d.length; i += columns) rows.push(a.d.slice(i, i + columns));
  return rows;
};
// Blue below 0, white at 0, orange above, in 401 shades; a pixel as it lies in memory.
const SHADES = Uint32Array.from({ length: 401 }, (_, i) => {
  const share = (i - 200) / 200, end = share > 0 ? [196, 84, 0] : [20, 84, 180];
  const [r, g, b] = end.map((c) => Math.round(254 + (c - 254) * Math.abs(share)));
  return (255 << 24) | (b << 16) | (g << 8) | r;
});
const NO_NUMBER = 0xffff00ff;
const tiling = (a) => {
  if (a.g) { const [n, h, w, c, every] = a.g; return { n, h, w, c, every, gap: h * w === 1 ? 0 : 1 }; }
  const w = a.s[a.s.length - 1] || 1;
  return { n: 1, h: a.d.length / w, w, c: 1, every: 1, gap: 0 };
};
const pixelsOf = (a) => {
  if (a.pixels) return a.pixels;
  const t = tiling(a), v = decoded(a), image = new ImageData(t.c * (t.w + t.gap) - t.gap, Math.ceil(t.n / t.c) * (t.h + t.gap) - t.gap);
  const ends = a.d ? v.filter(Number.isFinite) : a.r.slice(0, 2).map(Number), most = ends.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  const pixels = new Uint32Array(image.data.buffer), scale = most > 0 ? 200 / most : 0;
  let k = 0;
  for (let plane = 0; plane < t.n; plane++) {
    const left = (plane % t.c) * (t.w + t.gap), top = Math.floor(plane / t.c) * (t.h + t.gap);
    for (let r = 0; r < t.h; r++) for (let c = 0; c < t.w; c++, k++) {
      if (k >= v.length) continue;
      pixels[(top + r) * image.width + left + c] = Number.isFinite(v[k]) ? SHADES[200 + Math.round(Math.max(-200, Math.min(200, v[k] * scale)))] : NO_NUMBER;
    }
  }
  return (a.pixels = image);
};
// The image as an address; one canvas paints them all, for a canvas is dear to make.
const addressOf = (a) => {
  if (a.address) return a.address;
  const image = pixelsOf(a), canvas = (addressOf.canvas ??= make("canvas")), pen = (addressOf.pen ??= canvas.getContext("2d", { willReadFrequently: true }));
  canvas.width = image.width; canvas.height = image.height;
  pen.putImageData(image, 0, 0);
  return (a.address = canvas.toDataURL());
};

// ask(k), where there is a kernel, gives a promise of all numbers of array k, or of null.
const arraysOf = (data, ask) => {
  const fetched = (a, k) => {
    if (!ask || a.full !== undefined) return a.asked;
    a.full = null;
    return (a.asked = ask(k).then((numbers) => { a.full = numbers; }));
  };
  const told = (a, t, image, event) => {
    const b = image.getBoundingClientRect(), { width, height } = pixelsOf(a);
    const x = Math.floor(((event.clientX - b.left) / b.width) * width), y = Math.floor(((event.clientY - b.top) / b.height) * height);
    const column = Math.floor(x / (t.w + t.gap)), row = Math.floor(y / (t.h + t.gap)), c = x % (t.w + t.gap), r = y % (t.h + t.gap);
    const plane = row * t.c + column;
    if (c >= t.w || r >= t.h || plane >= t.n) return "";
    const flat = flatIndex(a, t, plane, r, c), where = t.every ? placeText(a, flat) + " " : "", v = decoded(a)[(plane * t.h + r) * t.w + c];
    if (a.full && t.every) return where + "= " + brief(a.full[flat]);
    return where + "≈ " + (Number.isNaN(v) ? "NaN or Inf" : brief(rounded(a, v)));
  };
  const heat = (a, k) => {
    const t = tiling(a), { width, height } = pixelsOf(a), image = make("img", "ts-heat"), hover = make("span", "ts-hover", "");
    const zoom = Math.max(1, Math.floor(Math.min(300 / width, 200 / height, 16)));
    Object.assign(image, { src: addressOf(a), width: width * zoom, height: height * zoom });
    const [low, high, mean, norm] = a.r;
    const stats = `${shape(a.s)}: ${brief(low)} … ${brief(high)}, mean ${brief(mean)}, norm ${brief(norm)}`
      + (a.x ? `, ${a.x} NaN or Inf` : "") + (a.z ? `, ${a.z} zeros` : "");
    const words = make("figcaption", "", stats + (t.every > 1 ? `; every ${t.every} rows and columns` : t.every ? "" : "; a sample"));
    image.alt = stats;
    image.addEventListener("pointermove", (event) => { hover.textContent = told(a, t, image, event); });
    image.addEventListener("pointerenter", () => fetched(a, k));
    image.addEventListener("pointerleave", () => { hover.textContent = ""; });
    return make("figure", "ts-image", null, image, words, hover, numbersOf(a, t, () => decoded(a), brief, () => fetched(a, k)));
  };
  return (k) => {
    const a = data.arrays[k];
    if (!a) return null;
    if (!a.d) return a.i ? heat(a, k) : make("span", "ts-num", `${shape(a.s)}, norm ${brief(a.r[3])}`);
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
};
