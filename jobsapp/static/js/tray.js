// The tray: jobs whose modals were minimised go along from page to page and tab to tab, until somebody removes them.
(() => {
  const tray = document.getElementById("tray");
  if (!tray) return;
  const MOST = 8;
  const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  const KEY = `jobsapp.tray.${tray.dataset.viewer}`;
  const OPEN = "jobsapp.tray.open";
  const phone = matchMedia("(max-width: 40rem)");
  const content = document.getElementById("tray-content");
  const toggle = tray.querySelector("[data-tray-toggle]");
  let drawn = 0;

  // A browser that keeps nothing has a tray all the same, for as long as the page is there.
  let here = [];
  function read() {
    try {
      const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
      return Array.isArray(found) ? found.filter((id) => ID.test(id)).slice(0, MOST) : [];
    } catch { return here; }
  }

  function keep(ids) {
    here = ids;
    try { localStorage.setItem(KEY, JSON.stringify(ids)); } catch { /* as above */ }
  }

  async function draw() {
    const ids = read();
    const turn = ++drawn;
    let text = "";
    if (ids.length) {
      const answer = await fetch(`/jobs/tray?jobs=${ids}`, { headers: { "HX-Request": "true" }, redirect: "error" }).catch(() => null);
      if (!answer?.ok) return;
      text = await answer.text();
    }
    if (turn !== drawn) return;
    const inside = tray.contains(document.activeElement);
    await htmx.swap({ sourceElement: content, target: content, swap: "innerHTML", text });
    // What is not there any more is forgotten.
    const there = [...content.querySelectorAll(".tray-item")].map((item) => item.dataset.job);
    if (there.length !== ids.length) keep(there);
    show(there.length);
    if (inside) (there.length ? content.querySelector(".tray-open") : document.getElementById("main")).focus();
  }

  function show(count) {
    tray.hidden = !count;
    const ended = content.querySelectorAll('[data-state="completed"], [data-state="failed"], [data-state="cancelled"]').length;
    toggle.querySelector("[data-tray-count]").textContent = `${count} job${count === 1 ? "" : "s"}` + (ended ? `, ${ended} ended` : "");
  }

  function expand(on) {
    toggle.setAttribute("aria-expanded", String(on));
    content.hidden = !on;
  }

  document.addEventListener("click", (event) => {
    const minimize = event.target.closest("[data-minimize-modal]");
    if (minimize) put(minimize.closest("[data-live-job]").dataset.liveJob);
    const remove = event.target.closest("[data-tray-remove]");
    if (remove) { keep(read().filter((id) => id !== remove.dataset.trayRemove)); draw(); }
    if (event.target.closest("[data-tray-toggle]")) {
      const on = toggle.getAttribute("aria-expanded") !== "true";
      expand(on);
      try { sessionStorage.setItem(OPEN, String(on)); } catch { /* it opens again on the next page */ }
    }
  });

  function put(id) {
    const ids = read();
    if (!ids.includes(id)) {
      if (ids.length >= MOST) { window.jobsapp.toast("The tray is full", `It holds ${MOST} jobs. Remove one from it first.`); return; }
      keep([...ids, id]);
      draw();
    }
    document.getElementById("job-modal").close();
  }

  // On the job's own page it is shown already, and twice on one page it cannot be.
  document.addEventListener("click", (event) => {
    const link = event.target.closest(".tray-open");
    const id = link?.closest(".tray-item").dataset.job;
    const shown = id && document.querySelector(`main [data-live-job="${id}"]`);
    if (!shown) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    document.getElementById("main").focus();
    scrollTo(0, 0);
  }, true);

  addEventListener("storage", (event) => { if (event.key === KEY || event.key === null) draw(); });
  addEventListener("pageshow", (event) => { if (event.persisted) draw(); });
  document.addEventListener("htmx:after:swap", () => { if (!tray.hidden) show(content.querySelectorAll(".tray-item").length); });

  let open = !phone.matches;
  try { open &&= sessionStorage.getItem(OPEN) !== "false"; } catch { /* it is open */ }
  expand(open);
  draw();
})();
