// The card of a step: formulas, what each input gets, the ledger, code.
const TAGS = { r: "mrow", f: "mfrac", p: "msup", b: "msub", q: "msqrt", i: "mi", n: "mn", o: "mo", t: "mtext" };
const KEPT = 60; // cards that are kept for when one comes back

const cardsOf = (data, array) => {
  const element = (tag, text, ...children) => {
    const node = document.createElementNS(MATH, tag);
    if (text !== null) node.textContent = text;
    node.append(...children);
    return node;
  };
  const math = (tree) => {
    if (typeof tree === "string") return element(TAGS[tree[0]] || "mtext", tree.slice(1));
    if (tree[0] !== "#") return element(TAGS[tree[0]] || "mrow", null, ...tree.slice(1).map(math));
    const rows = rowsOf(data.arrays[tree[1]]).map((row) => element("mtr", null, ...row.map((v) => element("mtd", null, element("mn", brief(v))))));
    return element("mtable", null, ...rows); // its borders are the brackets: those of a font without MATH table do not stretch
  };
  const part = (title, ...children) => make("div", "ts-part", null, make("h3", "", title), ...children);
  const pair = (name, k, ...more) => make("div", "ts-pair", null, make("span", "ts-name", name), array(k), ...more);
  const inline = (tree) => { const top = element("math", null, math(tree)); top.setAttribute("displaystyle", "true"); return top; };
  const formula = (tree) => make("div", "ts-formula", null, inline(tree));
  const equals = (tree) => inline(["r", "o=", tree]);
  const numbers = (n) => make("div", "ts-formula ts-numbers", null, ...(n[0] === "r" && n.length === 4 && n[2] === "o=" ? [equals(n[1]), equals(n[3])] : [equals(n)]));
  const code = (title, place, lines, lit, open) => folded("ts-code", `${title}: ${place}`, () => {
    const pre = make("pre");
    pre.tabIndex = 0;
    for (const [n, text] of lines) {
      const line = make("code", n === lit ? "ts-lit" : "", null, make("span", "ts-no", n === null ? "" : String(n)), document.createTextNode(text + "\n"));
      if (n === lit) line.setAttribute("aria-current", "true");
      pre.append(line);
    }
    return pre;
  }, open);
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
  const differences = (fd) => {
    const [good, how, where, mine, other, gap, k] = fd, place = where === "" ? "" : where[0] === "[" ? ` at ${where}` : ` along ${where}`;
    const many = where[0] === "[", apart = gap === "0" ? "the very number of the rule" : `${many ? "at most " : ""}${gap} from the rule`;
    const right = how === "undefined" ? "– finite differences: undefined here"
      : many && gap !== "0" ? `✓ ${how}: ${apart}, at ${where} (there ${other})` : `✓ ${how}: ${other}${place}, ${apart}`;
    const text = good ? right : `✗ wrong${place}: ${mine}, but ${how}: ${other}`;
    return make("div", "ts-fd" + (good ? "" : " ts-bad"), text, k === undefined ? null : array(k));
  };
  const both = ([slope, mine, right, word, same]) => make("div", "ts-pair ts-both", null, make("span", "ts-who", word), inline(["r", slope, "o="]), array(mine),
    make("span", same ? "ts-who" : "ts-here", same ? "✓ right" : word === "so far" ? "the whole is" : "✗ right is"), same ? null : array(right));
  const rule = (row) => {
    const box = make("div", "ts-row");
    box.append(make("h4", "", null, document.createTextNode("to "), make("b", "", row.to), row.as && row.as !== row.to ? document.createTextNode(` (its ${row.as})`) : ""));
    if (row.m) box.append(formula(row.m));
    if (row.s) box.append(make("p", "ts-shapes", row.s));
    if (row.n) box.append(numbers(row.n));
    if (row.sum) box.append(make("p", "ts-note", `The rule gives ${shape(row.sum[0])}: ${row.to} was broadcast, so its uses are summed to ${shape(row.sum[1])}.`));
    if (row.a !== undefined && !(row.n && !row.sum)) box.append(pair("contribution", row.a));
    if (row.fd) box.append(differences(row.fd));
    if (row.st) box.append(make("p", "ts-local", `Local derivative: ${row.st}`));
    if (row.st && row.J !== undefined) box.append(folded("", "show it (a row per output, a column per input)", () => array(row.J)));
    if (row.code !== undefined) { const [place, lines] = data.rules[row.code]; box.append(code("the rule", place, lines.map((text) => [null, text]))); }
    return box;
  };
  const headOf = (card, step) => {
    const body = [], [what] = data.ops[card.op] || [""];
    if (card.w || what) body.push(make("p", "ts-where", null, card.w ? make("span", "", "in " + card.w) : null, what ? make("span", "ts-doc", what) : null));
    if (card.par && card.par.length) body.push(make("p", "ts-where", card.par.join(", ")));
    if (card.fail) body.push(make("p", "ts-fail", card.fail));
    if (card.bad) body.push(...card.bad.map((text) => make("p", "ts-fail", "✗ " + text)));
    if (card.early) body.push(make("p", "ts-fail", "✗ " + card.early));
    if (card.both) body.push(part(step.p === "end" ? "Depth first beside the right order" : "What has arrived", ...card.both.map(both)));
    return body;
  };
  const tailOf = (card, step) => {
    const body = [], [, torch] = data.ops[card.op] || [], ops = card.ops || [];
    if (card.none && card.none.length) body.push(make("p", "ts-note", "No gradient reached " + card.none.join(", ") + "."));
    if (ops.length) body.push(make("p", "ts-where", `${ops.length} operation${ops.length > 1 ? "s" : ""} inside: ${ops.slice(0, 12).join(", ")}${ops.length > 12 ? " …" : ""}`));
    if (torch) body.push(make("p", "ts-py", "In PyTorch: " + torch));
    if (card.line) {
      const [file, n] = card.line, [name, lines] = data.sources[file];
      body.push(code("your code", `${name}, line ${n}`, lines.filter(([m]) => Math.abs(m - n) <= 4), n, true));
    }
    if (step.p === "start" && data.notes) body.push(...data.notes.map((text) => make("p", "ts-note", text)));
    return body;
  };
  const written = (card, step, unchecked) => {
    const body = [];
    if (card.up) body.push(part("Upstream", make("div", "ts-pair", null, inline(["r", "iḡ", "o=", card.up[0], "o="]), array(card.up[1]))));
    if (card.m) body.push(part("Formula", formula(card.m), card.s ? make("p", "ts-shapes", card.s) : null, card.n ? numbers(card.n) : null));
    if (card.rows && card.rows.length) body.push(part("What each input gets", ...card.rows.map(rule)));
    if (card.led && card.led.length) body.push(part("Sum of the parts", ...card.led.map(ledger)));
    if (card.out && !card.n) body.push(part("Value", pair(card.out[0], card.out[1])));
    if (card.in && card.in.length && !card.n) body.push(part("From", ...card.in.slice(0, 8).map(([n, k]) => pair(n, k))));
    if (card.leaves) body.push(part("Leaves", ...card.leaves.map(([n, kind, k]) => pair(`${n} (${kind})`, k))));
    (card.all || []).forEach(([tree, k], i) => body.push(make("div", "ts-pair ts-grad", null, inline(["r", tree, "o="]), array(k)), ...(card.fd ? [differences(card.fd[i])] : [])));
    if (unchecked && /backward|end/.test(step.p)) body.push(make("p", "ts-note", unchecked));
    return [...headOf(card, step), ...body, ...tailOf(card, step)];
  };
  const known = new Map();
  return (step, unchecked = "") => {
    const key = step.card + unchecked, found = known.get(key) || written(data.cards[step.card], step, unchecked);
    known.delete(key);
    known.set(key, found); // the one used last stands last
    if (known.size > KEPT) known.delete(known.keys().next().value);
    return found;
  };
};
