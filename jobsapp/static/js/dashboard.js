// The dashboard asks for the present numbers every few seconds while somebody looks at it, and at once on coming back.
(() => {
  const EVERY = 3000;
  let asked = performance.now();

  function ask() {
    if (document.hidden || !document.querySelector("[data-board]")) return;
    asked = performance.now();
    document.body.dispatchEvent(new CustomEvent("job:changed"));
  }

  setInterval(() => { if (performance.now() - asked >= EVERY) ask(); }, 500);
  document.addEventListener("visibilitychange", ask);
  // The period in the form is the one that the address says, also after going back.
  document.addEventListener("htmx:after:swap", () => {
    const form = document.querySelector(".board-filter");
    if (form) form.elements.period.value = new URL(location.href).searchParams.get("period") ?? form.elements.period.defaultValue;
  });
})();
