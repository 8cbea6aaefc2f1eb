// Links to a job: copying the new one, and keeping the place when the list of links comes in.
(() => {
  function ready() {
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const input = document.getElementById(button.dataset.copy);
    input.select();
    try {
      await navigator.clipboard.writeText(input.value);
      button.querySelector("[data-copy-text]").textContent = "Copied";
    } catch {
      // Not allowed here: it is selected, the keyboard can copy it.
      input.focus();
    }
  });
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("[data-share-link]")) event.target.select();
  });
  document.addEventListener("htmx:after:swap", (event) => {
    ready();
    // The button that was pressed has gone with what it stood in.
    if (document.activeElement === document.body && event.detail.ctx.target?.id === "share") {
      (document.getElementById("share-link") ?? document.getElementById("share-title"))?.focus();
    }
  });
  ready();
})();
