// The stepper in a notebook: the same mount as on a page. Its data come with the model; the kernel tells every number.
// Ids are made anew for each view, so that two of the same loss, or one shown twice, do not clash.
export default {
  async render({ model, el }) {
    const data = await unpacked(model.get("data")), key = "t" + Math.random().toString(36).slice(2, 10).padEnd(8, "0");
    for (const level of data.levels) level.svg = level.svg.replaceAll(data.key, key);
    data.key = key;
    el.classList.add("ts-room");
    el.innerHTML = model.get("shell");
    const root = el.querySelector(".ts");
    root.id = key;
    // JupyterLab hears keys at the document, before all else; plain ones are the stepper's, Ctrl+S and Shift+Enter are its.
    const shield = (event) => {
      if (!root.contains(event.target)) return;
      const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !(event.shiftKey && event.key === "Enter");
      event.target.toggleAttribute("data-lm-suppress-shortcuts", plain);
    };
    // marimo shows it in a shadow tree, which the page's classes do not reach from a style sheet.
    const follow = () => {
      const light = document.body.classList.contains("light-theme"), dark = document.body.classList.contains("dark-theme");
      if (light || dark) root.dataset.theme = dark ? "dark" : "light";
    };
    const watch = new MutationObserver(follow);
    if (root.dataset.theme === "auto") { follow(); watch.observe(document.body, { attributeFilter: ["class"] }); }
    const waiting = new Map();
    const hear = (message, buffers) => {
      const answer = waiting.get(message.array);
      waiting.delete(message.array);
      if (answer) answer(message.known ? new Float64Array(new Uint8Array(buffers[0].buffer, buffers[0].byteOffset, buffers[0].byteLength).slice().buffer) : null);
    };
    const ask = (k) => new Promise((answer) => { waiting.set(k, answer); model.send({ array: k }); });
    const keep = (event) => { if (event.defaultPrevented) event.stopPropagation(); };
    model.on("msg:custom", hear);
    el.addEventListener("keydown", keep);
    window.addEventListener("keydown", shield, true);
    const stepper = mount(root, data, root, ask);
    return () => { watch.disconnect(); stepper.close(); model.off("msg:custom", hear); el.removeEventListener("keydown", keep); window.removeEventListener("keydown", shield, true); };
  },
};
