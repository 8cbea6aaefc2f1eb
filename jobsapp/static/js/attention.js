// For somebody who looks elsewhere: the tab's title, and a notification of the browser for those who switched it on.
(() => {
  const KEY = "jobsapp.notify";
  const MARKS = { completed: "✓", failed: "✗", cancelled: "■" };
  const WORDS = { completed: "Job completed", failed: "Job failed" };
  const base = document.title;
  const seen = new Map();
  let ended = null;

  // The one that lies on top first.
  const PLACES = ["dialog .panel[data-job]", "main .panel[data-job]", ".tray-item"];
  const watched = () => PLACES.flatMap((place) => [...document.querySelectorAll(place)]);
  const able = typeof Notification !== "undefined";

  function wanted() {
    try { return able && Notification.permission === "granted" && localStorage.getItem(KEY) === "on"; } catch { return false; }
  }

  function look() {
    const jobs = watched().map((element) => element.dataset);
    for (const job of jobs) {
      const before = seen.get(job.job);
      if (before && Number(before.revision) > Number(job.revision)) continue;
      seen.set(job.job, { state: job.state, revision: job.revision });
      if (before && !MARKS[before.state] && MARKS[job.state]) end(job);
    }
    write(jobs);
    switches();
  }

  function end({ job, name, state }) {
    if (document.hidden) ended = { name, state };
    if (WORDS[state] && wanted() && (document.hidden || !document.hasFocus())) tell(job, name, state);
  }

  function tell(job, name, state) {
    // One tag for all tabs: they say it once together.
    let notice;
    // Phones have the name and refuse to make one.
    try { notice = new Notification(WORDS[state], { body: name, tag: `job-${job}` }); } catch { return; }
    notice.onclick = () => {
      window.focus();
      notice.close();
      if (!document.getElementById(`job-${job}`)) location.assign(`/jobs/${job}`);
    };
  }

  // The end of a job stays in the title until somebody has looked; otherwise it says how far the one is that runs.
  function write(jobs) {
    if (!document.hidden) ended = null;
    const running = jobs.find((one) => one.state === "active" || one.state === "stopping");
    let title = base;
    if (ended) title = `${MARKS[ended.state]} ${ended.name}`;
    else if (running) title = running.percent === undefined ? `… ${running.name}` : `${running.percent} % · ${running.name}`;
    if (document.title !== title) document.title = title;
  }

  function switches() {
    for (const element of document.querySelectorAll("[data-notify]")) {
      element.hidden = !able;
      element.setAttribute("aria-checked", String(wanted()));
    }
  }

  async function turn() {
    const on = !wanted();
    // Asked here and nowhere else: somebody has just pressed the switch.
    if (on && Notification.permission !== "granted" && (await Notification.requestPermission()) !== "granted") {
      window.jobsapp.toast("Notifications are blocked", "Allow them for this site in the browser's settings, then switch them on here.");
      return;
    }
    try { localStorage.setItem(KEY, on ? "on" : "off"); } catch { /* it is for this page only, then */ }
    switches();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-notify]")) turn();
  });
  addEventListener("storage", (event) => { if (event.key === KEY) switches(); });
  document.addEventListener("htmx:after:swap", look);
  document.addEventListener("visibilitychange", look);
  look();
})();
