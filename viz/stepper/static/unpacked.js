// A page's data: JSON, deflated, in base 85.
async function unpacked(text) {
  const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%.()*+-;,=>?@^_`{|}~";
  const view = new DataView(new ArrayBuffer(Math.ceil(text.length / 5) * 4));
  for (let i = 0; i < text.length; i += 5) {
    view.setUint32(i * 0.8, [...text.slice(i, i + 5).padEnd(5, "~")].reduce((n, c) => n * 85 + letters.indexOf(c), 0));
  }
  const bytes = new Uint8Array(view.buffer, 0, Math.floor(text.length * 0.8));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}
