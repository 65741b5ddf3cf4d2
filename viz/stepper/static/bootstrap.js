// Unpacks the style and the script of the page, and runs them: the page's policy knows the script by its hash.
unpacked(document.getElementById("code").textContent).then(([css, js]) => {
  const style = document.createElement("style"), script = document.createElement("script");
  style.textContent = css;
  script.type = "module";
  script.textContent = js;
  document.head.append(style, script);
});
