// The log of a job: new lines are fetched and added, and the end is followed until somebody looks elsewhere.
(() => {
  const PAUSE = 500;
  const KEPT_LINES = 2000;
  let asking = false, wanted = false, following = true;

  const section = () => document.querySelector("#log[data-live-log]");
  const view = (log) => log?.querySelector(".log");

  // The box is laid out from its end: there it stays by itself, and one pixel away from it, it does not.
  function follow(on) {
    following = on;
    const box = view(section());
    if (box) box.scrollTop = on ? 0 : Math.min(box.scrollTop, -1);
    show();
  }

  function show() {
    const button = document.querySelector("[data-follow]");
    if (!button) return;
    button.hidden = false;
    button.setAttribute("aria-pressed", String(following));
  }

  async function ask() {
    const log = section();
    if (!log) return;
    if (asking || document.hidden) { wanted = true; return; }
    asking = true;
    wanted = false;
    try {
      const address = new URL(log.dataset.log, location.origin);
      address.searchParams.set("after", log.dataset.last);
      const answer = await fetch(address, { headers: { "HX-Request": "true" }, redirect: "error" });
      // Another search may have taken its place meanwhile.
      if (answer.status === 200 && log.isConnected && log.dataset.log === address.pathname + without(address)) await add(log, answer);
    } catch {
      wanted = true;
    }
    setTimeout(() => { asking = false; if (wanted && !document.hidden) ask(); }, PAUSE);
  }

  function without(address) {
    address.searchParams.delete("after");
    return address.search;
  }

  async function add(log, answer) {
    const text = await answer.text();
    if (answer.headers.get("Log-Whole")) {
      await htmx.swap({ sourceElement: log, target: log, swap: "outerMorph", text });
    } else {
      const lines = log.querySelector("[data-log-lines]");
      log.dataset.last = answer.headers.get("Log-Last");
      if (!text.trim() || !lines) return;
      await htmx.swap({ sourceElement: lines, target: lines, swap: "beforeend", text });
      while (following && lines.childElementCount > KEPT_LINES) lines.firstElementChild.remove();
    }
    follow(following);
  }

  document.body.addEventListener("job:changed", ask);
  document.addEventListener("visibilitychange", () => { if (wanted && !document.hidden) ask(); });
  document.addEventListener("htmx:after:swap", show);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-follow]")) follow(!following);
  });
  // Scrolling does not bubble.
  document.addEventListener("scroll", (event) => {
    if (event.target !== view(section())) return;
    const end = event.target.scrollTop > -1;
    if (end !== following) { following = end; show(); }
  }, true);
  show();
})();
