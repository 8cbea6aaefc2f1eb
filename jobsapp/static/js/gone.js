// A job that is open here was deleted: its page or modal says so, and asks no more. Before live.js, which would wait.
(() => {
  const NOT_FOUND = 4404;

  document.addEventListener("htmx:ws:close", (event) => {
    const root = event.target.closest?.('[data-live="job"]');
    if (!root || event.detail.code !== NOT_FOUND) return;
    delete root.dataset.live;
    root.querySelector(".connection")?.remove();
    const words = document.createElement("p"), box = document.createElement("div");
    words.textContent = "This job was deleted. Nothing of it is left.";
    box.className = "gone note";
    box.setAttribute("role", "status");
    box.append(words);
    root.querySelector(".panel-body")?.replaceChildren(box);
    for (const button of root.querySelectorAll(".panel-actions > :not([data-close-modal])")) button.remove();
    document.getElementById("job-details")?.remove();
  });
})();
