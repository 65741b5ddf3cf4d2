// The quiz. Answers lie under a seal, which is opened while something typed is checked, and at no other time.
const MATH = "http://www.w3.org/1998/Math/MathML";
const data = JSON.parse(document.getElementById("qz-data").textContent);
const $ = (s) => document.querySelector(s);
const FACTORS = [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20, 25, 32, 36, 64, 100, 1000];
const WORTH = 3;

// The seal: see seal.py

function unsealed(question) {
  const key = [data.salt, question.number, question.words].join("|"), text = atob(question.seal);
  let state = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(key)) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  state = state || 1;
  let out = "";
  for (let i = -16; i < text.length; i++) {
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5; state >>>= 0;
    if (i >= 0) out += String.fromCharCode(text.charCodeAt(i) ^ ((state >>> 11) & 255));
  }
  return JSON.parse(out);
}

// Numbers: what was typed, and the unit of its last digit

export function parsed(text) {
  const plain = text.trim().replace(/[−–]/g, "-").replace(/\s+/g, "").replace(/^\+/, "").replace(/^(-?\d*),(\d+)$/, "$1.$2");
  const number = "(-?(?:\\d+\\.?\\d*|\\.\\d+))(?:e([+-]?\\d+))?";
  const parts = plain.match(new RegExp(`^${number}(?:/(\\d+\\.?\\d*|\\.\\d+))?$`, "i"));
  if (!parts) return null;
  const [, mantissa, exponent = "0", below] = parts, value = Number(`${mantissa}e${exponent}`);
  if (below !== undefined) return Number(below) ? { value: value / Number(below), unit: 0, digits: 9 } : null;
  const decimals = (mantissa.split(".")[1] || "").length, digits = mantissa.replace(/[-.]/g, "").replace(/^0+/, "").length;
  return Number.isFinite(value) ? { value, unit: 10 ** (Number(exponent) - decimals), digits } : null;
}
// As near as its digits allow, and as the 4 digits of the picture allow.
const exactly = (typed, wanted) => Math.abs(typed.value - wanted) <= Math.max(2e-3 * Math.abs(wanted), 1e-9);
const rounds = (typed, wanted) => typed.value !== 0 && Math.abs(typed.value - wanted) <= 0.5000001 * typed.unit;
const near = (typed, wanted) => exactly(typed, wanted) || (typed.digits > 1 && rounds(typed, wanted));

export function checkedNumber(text, found) {
  const typed = parsed(text), wanted = found.answer;
  if (!typed) return { kind: "note", title: "That is no number", words: "Type it like 0.177, -1/3 or 1e-3." };
  if (near(typed, wanted)) return { kind: "right", title: "Right", words: "" };
  if (rounds(typed, wanted)) return { kind: "note", title: "So far so good", words: "Type at least two digits." };
  if (wanted !== 0 && near(typed, -wanted)) return { kind: "sign", title: "The sign is wrong", words: "The size is right. Where does a minus come in, or go?" };
  for (const [value, kind, words] of found.slips) {
    if (kind !== "element" && near(typed, value)) return { kind, title: TITLES[kind], words };
  }
  if (wanted === 0) return { kind: "other", title: "Not zero, you say", words: "Look at what is multiplied, or cut off, on the way." };
  for (const times of [...new Set([...data.factors, ...FACTORS])]) {
    for (const sign of [1, -1]) {
      const also = sign < 0 ? " The sign is wrong too." : "";
      if (near(typed, sign * wanted * times)) return { kind: "factor", title: `You are off by a factor of ${times}`, words: `Your number is ${times} times too large.${also}` };
      if (near(typed, (sign * wanted) / times)) return { kind: "factor", title: `You are off by a factor of ${times}`, words: `Your number is ${times} times too small.${also}` };
    }
  }
  for (const [value, kind, words] of found.slips) {
    if (kind === "element" && near(typed, value)) return { kind, title: TITLES[kind], words };
    if (kind !== "element" && near(typed, -value)) return { kind, title: TITLES[kind], words: words + " And the sign is wrong." };
  }
  if (typed.value === 0) return { kind: "other", title: "It is not 0", words: "Something does arrive here." };
  const size = Math.abs(typed.value) > Math.abs(wanted) ? "too large" : "too small";
  const sign = Math.sign(typed.value) === Math.sign(wanted) ? "The sign is right" : "The sign is wrong too";
  return { kind: "other", title: "Not yet", words: `${sign}; the size is ${size}. A hint opens the formula.` };
}
const TITLES = {
  part: "A part is missing", broadcast: "The sum over the copies is missing", order: "Transposed, or in the wrong order",
  chain: "A link of the chain rule is missing", step: "One step short", element: "Another element", other: "Something else",
  shape: "Another shape",
};

// Shapes

export function parsedShape(text) {
  const plain = text.trim().replace(/^[([]|[)\]]$/g, "").trim();
  if (/^(scalar|number|)$/i.test(plain)) return text.trim() ? [] : null;
  const parts = plain.replace(/,\s*$/, "").split(/\s*[,x×*]\s*|\s+/i);
  return parts.every((part) => /^\d+$/.test(part)) ? parts.map(Number) : null;
}
const same = (a, b) => a.length === b.length && a.every((n, i) => n === b[i]);
const product = (a) => a.reduce((x, y) => x * y, 1);
const sorted = (a) => [...a].sort((x, y) => x - y);
const axes = (n) => `${n} ${n === 1 ? "axis" : "axes"}`;

export function checkedShape(text, found) {
  const typed = parsedShape(text), wanted = found.answer;
  if (!typed) return { kind: "note", title: "That is no shape", words: "Type it like 3,4 or (3, 4) or 3x4; () for a single number." };
  if (same(typed, wanted)) return { kind: "right", title: "Right", words: "" };
  if (same(sorted(typed), sorted(wanted))) return { kind: "order", title: "Transposed", words: "The lengths are right, the axes are in another order." };
  if (same(typed.filter((n) => n !== 1), wanted.filter((n) => n !== 1))) return { kind: "axes", title: "An axis of length 1", words: `It has ${axes(wanted.length)}, yours has ${typed.length}: axes of length 1 count.` };
  for (const [shape, kind, words] of found.slips) if (same(typed, shape)) return { kind, title: TITLES[kind], words };
  if (typed.length !== wanted.length) return { kind: "axes", title: "The number of axes is wrong", words: `Yours has ${axes(typed.length)}. Which axes does the op make, keep or sum away?` };
  if (product(typed) === product(wanted)) return { kind: "shape", title: "The shape is wrong", words: "The number of elements is right, the lengths of the axes are not." };
  const wrong = typed.map((n, i) => (n === wanted[i] ? "" : `${i}`)).filter(Boolean);
  return { kind: "shape", title: "The shape is wrong", words: `Look at axis ${wrong.join(" and ")}, counted from 0.` };
}

// The page

const make = (tag, name, text) => {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text) node.textContent = text;
  return node;
};
const math = (tree) => {
  const [tag, ...rest] = tree, node = document.createElementNS(MATH, tag);
  if (typeof rest[0] === "string") node.textContent = rest[0];
  else node.append(...rest.map(math));
  if (tag === "mtext" && /^\(\d+\)$/.test(rest[0])) node.setAttribute("class", "blank");
  return node;
};
const formula = (tree) => {
  const box = make("div", "qz-formula"), top = document.createElementNS(MATH, "math");
  top.setAttribute("displaystyle", "true");
  top.append(math(tree));
  box.append(top);
  return box;
};

const states = data.questions.map(() => ({ wrong: 0, hints: 0, right: false, typed: "", said: null }));
const input = $("input"), said = $(".qz-said"), dots = $(".qz-dots"), hints = $(".qz-hints"), hintButton = $("[data-act=hint]");
const links = data.questions.map((q) => [...document.querySelectorAll(".qz-stage a")].find((a) => link(a).endsWith(`-q${q.number}`)));
let at = 0;

function link(a) { return a.getAttributeNS("http://www.w3.org/1999/xlink", "href") || a.getAttribute("xlink:href") || a.getAttribute("href") || ""; }
const points = (s) => (s.right ? Math.max(1, WORTH - s.wrong - s.hints) : 0);

function score() {
  const right = states.filter((s) => s.right).length, sum = states.reduce((total, s) => total + points(s), 0);
  const done = right === states.length ? "All solved: " : "";
  return `${done}${right} of ${states.length} right, ${sum} of ${WORTH * states.length} points`;
}
function feedback(result) {
  said.className = `qz-said ${result ? result.kind : ""}`;
  said.dataset.kind = result ? result.kind : "";
  said.replaceChildren();
  if (result) said.append(make("b", "", result.title), document.createTextNode(result.words));
}
function showHints() {
  const question = data.questions[at], state = states[at];
  hints.replaceChildren(...question.hints.slice(0, state.hints).map((parts, i) => {
    const box = make("div");
    box.append(make("h3", "", i ? (question.kind === "shape" ? "With shapes" : "With numbers") : "The rule"), ...parts.map((part) => (typeof part === "string" ? make("p", "", part) : formula(part))));
    return box;
  }));
  const left = question.hints.length - state.hints;
  hintButton.disabled = !left || state.right;
  hintButton.textContent = left && !state.right ? `Hint (${left} left)` : state.right ? "Hint" : "No more hints";
}
function mark() {
  states.forEach((state, i) => {
    const dot = dots.children[i], name = state.right ? "right" : state.wrong ? "tried" : "";
    dot.className = name;
    dot.setAttribute("aria-current", String(i === at));
    dot.setAttribute("aria-label", `Question ${i + 1}${state.right ? ", right" : state.wrong ? ", tried" : ""}`);
    if (links[i]) links[i].setAttribute("class", `${i === at ? "now" : ""} ${state.right ? "right" : ""}`);
  });
  $(".qz-score").textContent = score();
}
function show(number, focus = true) {
  states[at].typed = input.value;
  at = Math.max(0, Math.min(states.length - 1, number));
  const question = data.questions[at], state = states[at];
  $("h2").textContent = `Question ${at + 1} of ${states.length}`;
  $("label").textContent = question.asks;
  $(".qz-ask").textContent = `${question.words} =`;
  $("#qz-help").textContent = question.kind === "shape" ? "Like 3,4 or (3, 4) or 3x4." : "Like 0.177, -1/3 or 1e-3. It is rounded as you type it, to two digits or more.";
  input.value = state.typed;
  input.readOnly = state.right;
  $(".qz-main").textContent = state.right ? (at + 1 < states.length ? "Go on" : "Done") : "Check";
  $("[data-act=previous]").disabled = at === 0;
  $("[data-act=next]").disabled = at === states.length - 1;
  feedback(state.said);
  showHints();
  mark();
  if (links[at]) reveal(links[at]);
  if (focus) input.focus({ preventScroll: true });
}
function reveal(a) {
  const stage = $(".qz-stage"), box = a.getBoundingClientRect(), frame = stage.getBoundingClientRect();
  stage.scrollBy({ left: box.x + box.width / 2 - frame.x - frame.width / 2, top: box.y + box.height / 2 - frame.y - frame.height / 2 });
}
function check() {
  const question = data.questions[at], state = states[at];
  if (state.right) {
    const open = states.findIndex((s, i) => !s.right && i > at), any = open >= 0 ? open : states.findIndex((s) => !s.right);
    if (any >= 0) show(any);
    return;
  }
  if (!input.value.trim()) { feedback({ kind: "note", title: "Nothing typed yet", words: "" }); return; }
  const result = (question.kind === "shape" ? checkedShape : checkedNumber)(input.value, unsealed(question));
  state.said = result;
  if (result.kind === "right") {
    state.right = true;
    const text = links[at] && links[at].querySelector("text");
    if (text) text.textContent = input.value.trim().slice(0, 9);
    result.words = `${points({ ...state })} of ${WORTH} points.` + (states.every((s) => s.right) ? " That was the last one." : " Enter goes on.");
  } else if (result.kind !== "note") state.wrong += 1;
  state.typed = input.value;
  show(at);
  if (result.kind !== "right") input.select();
}
function hint() {
  if (hintButton.disabled) return;
  states[at].hints += 1;
  showHints();
  mark();
}

data.questions.forEach((question, i) => {
  const dot = make("button", "", String(question.number));
  dot.type = "button";
  dot.addEventListener("click", () => show(i));
  dots.append(dot);
  if (links[i]) links[i].addEventListener("click", (event) => { event.preventDefault(); show(i); });
});
$("form").addEventListener("submit", (event) => { event.preventDefault(); check(); });
$("[data-act=previous]").addEventListener("click", () => show(at - 1));
$("[data-act=next]").addEventListener("click", () => show(at + 1));
hintButton.addEventListener("click", hint);
document.addEventListener("keydown", (event) => {
  const act = { PageDown: () => show(at + 1), PageUp: () => show(at - 1) }[event.key] || (event.altKey && event.key.toLowerCase() === "h" ? hint : null);
  if (act) { event.preventDefault(); act(); }
});
show(0, !matchMedia("(max-width: 760px)").matches);
