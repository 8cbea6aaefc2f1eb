// What every request of the page has in common: the CSRF token, and a word when it fails.
(() => {
  const token = () => document.querySelector('meta[name="csrf-token"]').content;

  document.addEventListener("htmx:config:request", (event) => {
    event.detail.ctx.request.headers["X-CSRFToken"] = token();
  });
  document.addEventListener("htmx:error", (event) => {
    const context = event.detail.ctx;
    // What the page asks on its own fails in silence: the connection's mark tells.
    if (context?.request && context.sourceEvent?.type !== "job:changed") toast("The server did not answer", "Nothing was changed. Check the connection and try again.");
  });

  function toast(title, detail) {
    const box = document.createElement("div");
    box.className = "toast";
    const body = document.createElement("div");
    const strong = document.createElement("strong");
    const text = document.createElement("p");
    strong.textContent = title;
    text.textContent = detail;
    body.append(strong, text);
    box.append(body);
    document.getElementById("toasts").append(box);
  }

  const LIFE = 9000;
  const toasts = document.getElementById("toasts");
  new MutationObserver((changes) => {
    for (const node of changes.flatMap((change) => [...change.addedNodes])) {
      if (node instanceof Element) setTimeout(() => node.remove(), LIFE);
    }
    // A modal dialog lies above everything else; the message goes with it.
    const dialog = document.querySelector("dialog:modal");
    (dialog ?? document.body).append(toasts);
  }).observe(toasts, { childList: true });

  document.addEventListener("click", (event) => {
    event.target.closest("[data-dismiss]")?.closest(".toast").remove();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });

  // Browsers leave a link at the edge of a line that scrolls cut off when enough of it is in sight.
  document.addEventListener("focusin", (event) => {
    if (event.target.closest(".topnav, .tabs")) event.target.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  window.jobsapp = { token, toast };
})();
