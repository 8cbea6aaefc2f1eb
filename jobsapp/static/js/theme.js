// Runs before the first paint, so that a chosen theme never flashes.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try { return localStorage.getItem("jobsapp:theme"); } catch { return null; }
  };
  const apply = () => {
    const chosen = stored();
    if (chosen) root.dataset.theme = chosen; else delete root.dataset.theme;
    root.dataset.shown = chosen || (system.matches ? "dark" : "light");
  };
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.addEventListener("click", () => {
        const next = root.dataset.shown === "dark" ? "light" : "dark";
        try {
          // Back to what the system shows means: follow the system again.
          if ((next === "dark") === system.matches) localStorage.removeItem("jobsapp:theme");
          else localStorage.setItem("jobsapp:theme", next);
        } catch { root.dataset.theme = next; }
        apply();
      });
    }
  });
})();
