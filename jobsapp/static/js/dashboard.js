// The dashboard asks for the present numbers every few seconds while somebody looks at it, and at once on coming back.
// When nobody answers it says so: old numbers look like new ones.
(() => {
  const EVERY = 3000;
  let asked = performance.now();

  const isOurs = (event) => event.target.matches?.("[data-board]");

  function ask() {
    if (document.hidden || !document.querySelector("[data-board]")) return;
    asked = performance.now();
    document.body.dispatchEvent(new CustomEvent("job:changed"));
  }

  function showStale(stale) {
    const note = document.getElementById("board-stale");
    if (note && note.hidden === stale) note.hidden = !stale;
  }

  setInterval(() => { if (performance.now() - asked >= EVERY) ask(); }, 500);
  document.addEventListener("visibilitychange", ask);
  // A slow server is not asked again before it has answered.
  document.addEventListener("htmx:before:request", (event) => { if (isOurs(event)) asked = Infinity; });
  document.addEventListener("htmx:finally:request", (event) => { if (isOurs(event)) asked = performance.now(); });
  document.addEventListener("htmx:error", (event) => { if (isOurs(event)) showStale(true); });
  document.addEventListener("htmx:after:request", (event) => {
    if (isOurs(event)) showStale(event.detail.ctx.response.status >= 400);
  });
  // The period in the form is the one that the address says, also after going back.
  document.addEventListener("htmx:after:swap", () => {
    const period = document.querySelector(".board-filter")?.elements.period;
    if (period) period.value = new URL(location.href).searchParams.get("period") ?? period.defaultValue;
  });
})();
