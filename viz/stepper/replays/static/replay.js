// The replay: one picture, many training steps. What the stepper's script knows (brief, make, unpacked) it takes from there.
export function mountReplay(root, data, host = root) {
  const $ = (s) => root.querySelector(s), all = (s) => [...root.querySelectorAll(s)];
  const [range, phases] = all("input[type=range]"), stage = $(".ts-stage"), count = $(".ts-count"), help = $(".ts-help"), say = $(".ts-say");
  const NAMES = ["weights", "forward", "backward", "update"], acts = {}, last = data.steps.length - 1, listeners = [];
  let at = 0, phase = 3, timer = null;
  const node = (name, attributes, text) => {
    const made = document.createElementNS(SVG, name);
    for (const key of Object.keys(attributes)) made.setAttribute(key, attributes[key]);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const optimizer = `${data.said.optimizer}, lr = ${brief(data.said.lr)}`;

  // The picture: a step writes other numbers into the same places

  const svg = document.importNode(new DOMParser().parseFromString(data.svg, "image/svg+xml").documentElement, true);
  const boxes = new Map(), edges = [], cut = data.key.length + 1;
  stage.append(svg);
  svg.setAttribute("aria-label", `${data.title}: the graph`);
  for (const box of svg.querySelectorAll("g.n")) boxes.set(box.id.slice(cut), box);
  for (const edge of svg.querySelectorAll("path.e")) edges[+edge.id.slice(cut + 1)] = edge;
  for (const slot of data.texts) {
    const found = [...boxes.get(slot.b).querySelectorAll("text." + slot.w)], n = slot.d[0].length;
    slot.nodes = slot.w === "q" ? [found[slot.k]] : found.slice(-n);
    slot.before = slot.nodes.map((text) => {
      const words = text.textContent.match(/^(.*\s)?\S*$/s)[1] || "";
      if (!words && !text.hasAttribute("text-anchor")) { // numbers of a table end where the widest ends
        text.setAttribute("x", (+text.getAttribute("x") + text.getComputedTextLength()).toFixed(1));
        text.style.textAnchor = "end";
      }
      return words;
    });
  }
  const DIGIT = new Map([...DIGITS].map((letter, i) => [letter, i]));
  const shade = (letter) => { const v = DIGIT.get(letter); return v > 62 ? NaN : v / 31 - 1; };
  const mixed = (v) => {
    if (Number.isNaN(v)) return [255, 0, 255];
    const end = v > 0 ? [196, 84, 0] : [20, 84, 180], share = Math.min(1, Math.abs(v));
    return end.map((c) => Math.round(254 + (c - 254) * share));
  };
  const word = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0; // a pixel as it lies in memory
  const TINTS = Uint32Array.from({ length: 257 }, (_, k) => word(mixed((k - 128) / 128)));
  const tint = (v) => (Number.isNaN(v) ? 0xffff00ff : TINTS[Math.round(Math.max(-1, Math.min(1, v)) * 128) + 128]);
  for (const slot of data.images) {
    const rect = boxes.get(slot.b).querySelector("rect." + (slot.w === "v" ? "iv" : "ig")), image = node("image", { class: slot.w === "v" ? "iv" : "ig", preserveAspectRatio: "none" });
    for (const name of ["x", "y", "width", "height"]) image.setAttribute(name, rect.getAttribute(name));
    rect.after(image);
    slot.image = image;
  }
  const painted = (slot, letters) => {
    const [n, h, w, columns] = slot.g, gap = h * w === 1 ? 0 : 1, canvas = document.createElement("canvas");
    canvas.width = columns * (w + gap) - gap;
    canvas.height = Math.ceil(n / columns) * (h + gap) - gap;
    const pen = canvas.getContext("2d"), image = pen.createImageData(canvas.width, canvas.height), pixels = new Uint32Array(image.data.buffer);
    for (let k = 0; k < letters.length; k++) {
      const plane = Math.floor(k / (h * w)), r = Math.floor((k % (h * w)) / w), c = k % w;
      const x = (plane % columns) * (w + gap) + c, y = Math.floor(plane / columns) * (h + gap) + r;
      pixels[y * canvas.width + x] = tint(shade(letters[k]));
    }
    pen.putImageData(image, 0, 0);
    return canvas.toDataURL();
  };
  const draw = () => {
    const moved = phase === 4, leaves = new Set(data.leaves), weights = new Set(data.weights), back = new Set(data.back);
    for (const slot of data.texts) {
      const numbers = (moved && slot.u ? slot.u : slot.d)[at];
      slot.nodes.forEach((text, i) => { text.textContent = slot.before[i] + brief(numbers[i]); });
    }
    for (const slot of data.images) {
      const letters = (moved && slot.u ? slot.u : slot.d)[at];
      if (slot.shown !== letters) slot.image.setAttribute("href", painted(slot, letters));
      slot.shown = letters;
    }
    for (const [id, box] of boxes) {
      box.classList.toggle("known", phase > 1 || leaves.has(id));
      box.classList.toggle("graded", phase > 2);
      box.classList.toggle("held", phase > 2);
      box.classList.toggle("moved", moved && weights.has(id));
    }
    edges.forEach((edge, i) => {
      edge.classList.toggle("fwd", phase === 2);
      edge.classList.toggle("bwd", phase === 3 && back.has(i));
    });
  };
  const size = () => {
    const [, , w, h] = svg.getAttribute("viewBox").split(" ").map(Number);
    const high = stage.clientHeight > 120 ? (stage.clientHeight - 24) / h : 1, fits = Math.min((stage.clientWidth - 24) / w, high);
    const whole = fits > 0.8 || $("[data-act=fit]").getAttribute("aria-pressed") === "true";
    const scale = whole ? Math.min(fits, 1.6) : Math.max(0.8, Math.min(1.2, high));
    svg.setAttribute("width", (w * scale).toFixed(1));
    svg.setAttribute("height", (h * scale).toFixed(1));
  };

  // The loss curve

  const W = 240, LEFT = 46, RIGHT = 232, TOP = 14, LOW = 216;
  const points = data.curve.map((v, i) => [1 + i * data.stride, v]).filter(([, v]) => typeof v === "number");
  const values = points.map(([, v]) => v), least = Math.min(...values), most = Math.max(...values);
  const logarithmic = least > 0 && most / least > 30, f = logarithmic ? Math.log : (v) => v;
  const bottom = logarithmic ? least : Math.min(0, least), span = f(most) - f(bottom) || 1;
  const px = (step) => LEFT + ((step - 1) / Math.max(1, data.count - 1)) * (RIGHT - LEFT), py = (v) => LOW - ((f(v) - f(bottom)) / span) * (LOW - TOP);
  const chart = node("svg", { viewBox: `0 0 ${W} ${W}`, role: "img" }), here = node("line", { class: "tr-here", y1: TOP, y2: LOW }), dot = node("circle", { r: 4.5 });
  if (points.length) {
    const line = points.map(([s, v], i) => `${i ? "L" : "M"}${px(s).toFixed(1)} ${py(v).toFixed(1)}`).join("");
    for (const v of [most, bottom]) chart.append(node("line", { class: "tr-axis", x1: LEFT, x2: RIGHT, y1: py(v), y2: py(v) }), node("text", { x: LEFT - 5, y: py(v) + 4, "text-anchor": "end" }, brief(+v.toPrecision(3))));
    chart.append(node("text", { x: LEFT, y: W - 8 }, "1"), node("text", { x: RIGHT, y: W - 8, "text-anchor": "end" }, String(data.count)), node("text", { x: (LEFT + RIGHT) / 2, y: W - 8, "text-anchor": "middle" }, "step"), node("path", { class: "tr-line", d: line }), here, dot);
  } else chart.append(node("text", { x: W / 2, y: W / 2, "text-anchor": "middle" }, "the loss is no number"));
  $(".tr-curve").prepend(chart);
  $(".tr-curve figcaption").textContent = `Loss at every step${data.said.loss ? ": " + data.said.loss : ""}${logarithmic ? ", on a logarithmic scale" : ""}`;
  chart.addEventListener("click", (event) => {
    const b = chart.getBoundingClientRect(), step = 1 + (((event.clientX - b.left) / b.width) * W - LEFT) / (RIGHT - LEFT) * (data.count - 1);
    const near = data.steps.reduce((best, s, i) => (Math.abs(s - step) < Math.abs(data.steps[best] - step) ? i : best), 0);
    stop(); show(near, phase);
  });
  const curve = () => {
    const x = px(data.steps[at]), v = data.losses[at], known = typeof v === "number";
    here.setAttribute("x1", x); here.setAttribute("x2", x);
    dot.setAttribute("cx", x); dot.setAttribute("cy", known && points.length ? py(v) : TOP);
    chart.setAttribute("aria-label", `Loss curve: ${brief(data.losses[0])} at step 1, ${brief(v)} at step ${data.steps[at]}, ${brief(data.losses[last])} at step ${data.steps[last]}`);
  };

  // What the model says all over the plane

  const plane = data.plane, PIXELS = 288, HUES = [[31, 95, 191], [196, 84, 0], [30, 130, 60], [140, 60, 150], [150, 120, 0], [90, 90, 90]];
  const map = document.createElement("canvas");
  if (plane) {
    map.width = map.height = PIXELS;
    map.setAttribute("role", "img");
    $(".tr-plane").prepend(map);
    const [x0, y0, x1, y1] = plane.corners.map((v) => brief(+v.toPrecision(2)));
    $(".tr-plane figcaption").textContent = `What the model says: ${plane.kind === "two" ? "blue class 0, orange class 1, black the boundary" : plane.kind === "many" ? "a colour a class, pale where unsure" : "blue low, orange high"}; across x[0] from ${x0} to ${x1}, up x[1] from ${y0} to ${y1}`;
  } else $(".tr-plane").hidden = true;
  const surface = (letters) => {
    const s = plane.side, pen = map.getContext("2d"), image = pen.createImageData(PIXELS, PIXELS), pixels = new Uint32Array(image.data.buffer);
    const many = plane.kind === "many", v = new Float64Array(PIXELS * PIXELS);
    const cell = Array.from({ length: s * s }, (_, k) => (many ? DIGIT.get(letters[k]) : shade(letters[k])));
    const sure = many ? Array.from({ length: s * s }, (_, k) => word(HUES[cell[k] % HUES.length].map((c) => Math.round(254 + (c - 254) * Math.max(0.12, Math.min(0.75, (shade(letters[s * s + k]) + 1) / 2)))))) : null;
    for (let y = 0; y < PIXELS; y++) {
      const w = (y / (PIXELS - 1)) * (s - 1), j = Math.min(s - 2, Math.floor(w)), b = w - j;
      for (let x = 0; x < PIXELS; x++) {
        const u = (x / (PIXELS - 1)) * (s - 1), i = Math.min(s - 2, Math.floor(u)), a = u - i, k = j * s + i, p = y * PIXELS + x;
        if (many) {
          const nearest = Math.round(w) * s + Math.round(u);
          v[p] = cell[nearest];
          pixels[p] = sure[nearest];
        } else {
          v[p] = (cell[k] * (1 - a) + cell[k + 1] * a) * (1 - b) + (cell[k + s] * (1 - a) + cell[k + s + 1] * a) * b;
          pixels[p] = tint(v[p] * 0.8);
        }
      }
    }
    if (plane.kind !== "value") for (let p = 0; p < v.length - PIXELS - 1; p++) {
      const cross = many ? v[p] !== v[p + 1] || v[p] !== v[p + PIXELS] : v[p] > 0 !== v[p + 1] > 0 || v[p] > 0 !== v[p + PIXELS] > 0;
      if (cross && (p + 1) % PIXELS) pixels[p] = pixels[p + 1] = pixels[p + PIXELS] = 0xff111111;
    }
    pen.putImageData(image, 0, 0);
    plane.points.forEach(([x, y], i) => {
      const m = plane.marks[i], c = plane.kind === "value" ? mixed(m) : HUES[m % HUES.length], r = plane.points.length > 40 ? 4.2 : 8, cx = x * PIXELS, cy = (1 - y) * PIXELS;
      pen.fillStyle = `rgb(${c})`; pen.strokeStyle = "#fff"; pen.lineWidth = 1.4;
      pen.beginPath();
      if (plane.kind !== "value" && m % 2) pen.rect(cx - r * 0.9, cy - r * 0.9, r * 1.8, r * 1.8); else pen.arc(cx, cy, r, 0, 7);
      pen.fill(); pen.stroke();
    });
    map.setAttribute("aria-label", `What the model says over the plane at step ${data.steps[at]}, with ${plane.points.length} examples`);
  };

  // The weights, before and after

  const moves = data.said.plain ? "−lr · gradient" : `change by ${data.said.optimizer}`;
  const heads = (exact) => [exact ? "index" : "name", ...["before", "gradient", moves, "after"].map((w) => (exact ? w : "norm of " + w))];
  const index = (shape, k) => { const found = []; for (const n of [...shape].reverse()) { found.unshift(k % n); k = Math.floor(k / n); } return found.length ? `[${found.join(",")}]` : ""; };
  const cells = data.parameters.map((one, i) => {
    const table = make("table"), top = table.createTHead().insertRow(), body = table.createTBody(), rows = one.exact ? one.s.reduce((a, b) => a * b, 1) : 1, found = [];
    for (const word of heads(one.exact)) { const th = make("th", "", word); th.scope = "col"; top.append(th); }
    for (let k = 0; k < rows; k++) {
      const line = body.insertRow();
      line.insertCell().textContent = one.exact ? index(one.s, k) || one.name : one.name;
      found.push(["tr-v", "tr-g", "tr-c", "tr-n"].map((name) => { const cell = line.insertCell(); cell.className = name; return cell; }));
    }
    const scroll = make("div", "tr-scroll", null, table), box = make("details", "", null, make("summary", "", null, make("b", "", one.name), document.createTextNode(one.s.length ? " " + shape(one.s) : "")), scroll);
    box.open = i < 2;
    $(".tr-table").append(box);
    return found;
  });
  const fill = () => data.parameters.forEach((one, i) => cells[i].forEach((line, k) => line.forEach((cell, c) => {
    const v = one.exact ? one.d[at][c][k] : one.d[at][c];
    cell.textContent = brief(v);
  })));

  // Steps

  const sentence = () => {
    const step = data.steps[at], loss = brief(data.losses[at]);
    return [
      step === 1 ? "The weights as the model was given." : `The weights as step ${step - 1} left them.`,
      `The batch runs forward through the graph: the loss is ${loss}.`,
      `The gradients of the loss ${loss} run back, to every weight.`,
      typeof data.losses[at] === "number" ? `Each weight moves by ${data.said.plain ? "−lr · gradient" : "what " + data.said.optimizer + " makes of its gradient"} (${optimizer}); in the boxes are the new ones.` : "The loss is no number, so no step is taken.",
    ][phase - 1];
  };
  const show = (k, p) => {
    at = Math.max(0, Math.min(last, k)); phase = Math.max(1, Math.min(4, p));
    root.dataset.phase = String(phase);
    draw(); curve(); fill();
    if (plane) surface(data.shots[at]);
    const step = data.steps[at], words = `Step ${step} of ${data.count}`;
    range.value = String(at + 1); range.setAttribute("aria-valuetext", `${words}, loss ${brief(data.losses[at])}`);
    phases.value = String(phase); phases.setAttribute("aria-valuetext", NAMES[phase - 1]);
    all(".tr-names i").forEach((i, n) => i.classList.toggle("tr-on", n === phase - 1));
    count.textContent = words;
    $(".ts-phase").textContent = NAMES[phase - 1];
    $(".ts-card h2").textContent = `Training step ${step}: loss ${brief(data.losses[at])}`;
    say.textContent = sentence();
    for (const name of ["first", "previous"]) $(`[data-act=${name}]`).setAttribute("aria-disabled", String(at === 0));
    for (const name of ["next", "last"]) $(`[data-act=${name}]`).setAttribute("aria-disabled", String(at === last));
  };
  function stop() { clearInterval(timer); timer = null; $("[data-act=play]").setAttribute("aria-pressed", "false"); say.setAttribute("aria-live", "polite"); }
  const play = () => {
    if (timer) return stop();
    $("[data-act=play]").setAttribute("aria-pressed", "true");
    say.setAttribute("aria-live", "off"); // a film is not read out
    if (at === last) show(0, phase);
    timer = setInterval(() => { if (at >= last) stop(); else show(at + 1, phase); }, +$("[data-act=speed]").value);
  };
  const by = (act) => () => { stop(); act(); };
  Object.assign(acts, {
    first: by(() => show(0, phase)), previous: by(() => show(at - 1, phase)), next: by(() => show(at + 1, phase)), last: by(() => show(last, phase)), play,
    down: by(() => show(at, phase + 1)), up: by(() => show(at, phase - 1)),
    help: () => (help.open ? help.close() : help.showModal()), close: () => help.close(),
    fit: () => { const b = $("[data-act=fit]"); b.setAttribute("aria-pressed", String(b.getAttribute("aria-pressed") !== "true")); size(); },
    theme: () => {
      const scheme = getComputedStyle(root).colorScheme;
      root.dataset.theme = scheme === "dark" || (scheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches) ? "light" : "dark";
    },
  });
  for (const button of all("button[data-act]")) button.addEventListener("click", () => acts[button.dataset.act]());
  range.max = String(last + 1);
  range.addEventListener("input", () => { stop(); show(+range.value - 1, phase); });
  phases.addEventListener("input", () => { stop(); show(at, +phases.value); });
  $("[data-act=speed]").addEventListener("change", () => { if (timer) { stop(); play(); } });
  const keys = { ArrowRight: acts.next, ArrowLeft: acts.previous, Home: acts.first, End: acts.last, " ": play, "?": acts.help, ArrowDown: acts.down, ArrowUp: acts.up };
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !keys[event.key]) return;
    const inside = event.target.closest ? event.target.closest("input,select,textarea,summary,button,.ts-card,.ts-stage") : null, tag = inside ? inside.tagName : "";
    if (help.open && event.key !== "?") return;
    if (/INPUT|SELECT|TEXTAREA/.test(tag) && event.key !== "?") return;
    if (event.key === " " && /BUTTON|SUMMARY/.test(tag)) return;
    if (/ArrowUp|ArrowDown/.test(event.key) && inside && tag !== "BUTTON") return;
    event.preventDefault();
    keys[event.key]();
  };
  host.addEventListener("keydown", press);
  const watcher = new ResizeObserver(size);
  listeners.push(() => host.removeEventListener("keydown", press), () => watcher.disconnect());
  for (const text of data.notes) $(".tr-notes").append(make("p", "ts-note", text));
  root.classList.add("ts-live");
  size();
  show(0, 3);
  watcher.observe(stage);
  return { show, close: () => { stop(); listeners.forEach((act) => act()); } };
}
const replayed = typeof document === "object" && document.body && document.body.classList.contains("tr-page") ? document.querySelector(".tr") : null;
if (replayed) unpacked(document.getElementById(replayed.id + "-data").textContent).then((data) => mountReplay(replayed, data, document));
