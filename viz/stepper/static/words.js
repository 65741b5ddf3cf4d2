// What all parts of the script share: namespaces, letters, numbers as one reads them, elements.
const MATH = "http://www.w3.org/1998/Math/MathML", SVG = "http://www.w3.org/2000/svg";
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const PHASES = { start: "Start", forward: "Forward", seed: "Backward", backward: "Backward", end: "Result" };

export function brief(v) {
  if (typeof v !== "number") return { NaN: "NaN", Infinity: "∞", "-Infinity": "−∞" }[v] || String(v);
  if (v === 0) return "0";
  const size = Math.abs(v);
  const text = size >= 1e4 || size < 1e-4 ? v.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e") : String(+v.toPrecision(4));
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
// A part that is filled when it is opened.
const folded = (name, title, fill, open = false) => {
  const box = make("details", name, null, make("summary", "", title)), filled = () => { if (box.childElementCount === 1) box.append(fill()); };
  box.addEventListener("toggle", () => { if (box.open) filled(); });
  if (open) { filled(); box.open = true; }
  return box;
};
// When the page has been shown: what asks for places then costs no layout of its own.
const afterwards = (act) => {
  let waits = false;
  return () => { if (!waits) requestAnimationFrame(() => setTimeout(() => { waits = false; act(); })); waits = true; };
};
// One after the other, when nothing else is to be done.
const leisurely = (acts) => {
  const idle = window.requestIdleCallback || ((act) => setTimeout(() => act({ timeRemaining: () => 4 }), 20));
  const some = (time) => {
    do { const act = acts.shift(); if (act) act(); } while (acts.length && time.timeRemaining() > 3);
    if (acts.length) idle(some, { timeout: 500 });
  };
  idle(some, { timeout: 500 });
};
