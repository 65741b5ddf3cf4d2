// The numbers behind an image, in a table that is made when it is opened, one plane at a time.
// A page reads them from the image, as fine as its shades are; where a kernel can be asked, it tells them all.
const flatIndex = (a, t, plane, r, c) => a.s.length < 2 || t.h * t.w === 1 ? plane : (plane * a.s[a.s.length - 2] + r * t.every) * a.s[a.s.length - 1] + c * t.every;
const placeText = (a, flat) => {
  const found = [];
  for (const n of [...a.s].reverse()) { found.unshift(flat % n); flat = Math.floor(flat / n); }
  return "[" + found.join(", ") + "]";
};
// A number read from the image, rounded to what its shades can tell: a 0 is then a 0.
const fineness = (a) => 10 ** Math.ceil(Math.log10((a.r[1] - a.r[0]) / 4094 || 1e-300));
const rounded = (a, v) => { const q = fineness(a); return +(Math.round(v / q) * q).toPrecision(4); };
// What is known: rows of a plane as [heading, numbers], how many planes, and in words how good the numbers are.
const known = (a, t, shades) => {
  const single = t.h * t.w === 1, exact = a.full, high = a.s.length < 2 ? 1 : a.s[a.s.length - 2], wide = a.s[a.s.length - 1] || 1;
  const cut = (v, from, width, rows) => Array.from({ length: rows }, (_, r) => v.slice(from + r * width, Math.min(v.length, from + (r + 1) * width)));
  if (exact && a.s.length > 1) return { planes: exact.length / (high * wide), rows: (p) => cut(exact, p * high * wide, wide, high), words: "" };
  if (exact) return { planes: 1, rows: () => cut(exact, 0, 8, Math.ceil(exact.length / 8)), words: "" };
  const words = `as the image has them, to within ${fineness(a)}` + (t.every > 1 ? `; every ${t.every} rows and columns` : t.every ? "" : "; a sample");
  if (single) return { planes: 1, rows: () => cut(shades, 0, 8, Math.ceil(shades.length / 8)), words };
  return { planes: t.n, rows: (p) => cut(shades, p * t.h * t.w, t.w, t.h), words };
};
const numbersOf = (a, t, shades, write, fetched) => {
  const box = document.createElement("details"), summary = document.createElement("summary"), frame = document.createElement("div");
  box.className = "ts-all";
  summary.textContent = "the numbers";
  frame.className = "ts-scroll";
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", "The numbers");
  box.append(summary);
  const fill = (now, p) => {
    const table = document.createElement("table");
    table.className = "ts-array";
    for (const row of now.rows(p)) {
      const line = table.insertRow();
      for (const v of row) { const cell = line.insertCell(); const one = now.words ? rounded(a, v) : v; cell.textContent = write(one); cell.title = String(one); }
    }
    frame.replaceChildren(table);
  };
  const open = async () => {
    if (!box.open || box.contains(frame)) return;
    box.append(frame);
    await fetched();
    const now = known(a, t, shades());
    if (now.words) frame.before(Object.assign(document.createElement("p"), { className: "ts-note", textContent: now.words }));
    if (now.planes > 1) {
      const pick = document.createElement("select"), label = document.createElement("label"), lead = { s: a.s.slice(0, -2) };
      label.append("Plane ", pick);
      for (let p = 0; p < now.planes; p++) pick.append(new Option(placeText(lead, p), String(p)));
      pick.addEventListener("change", () => fill(now, +pick.value));
      frame.before(label);
    }
    fill(now, 0);
  };
  box.addEventListener("toggle", open);
  return box;
};
