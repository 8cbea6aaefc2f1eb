// Notifications that a rule sends to this browser, told once for all tabs. A live page hears that there is one; the others
// ask now and then, while somebody has them switched on.
(() => {
  const viewer = document.getElementById("tray")?.dataset.viewer;
  if (!viewer || typeof Notification === "undefined") return;
  const LAST = `jobsapp.notices.${viewer}`;
  const EVERY_MS = 30000;
  let asking = false;

  function wanted() {
    try { return Notification.permission === "granted" && localStorage.getItem("jobsapp.notify") === "on"; } catch { return false; }
  }

  async function ask() {
    if (asking || !wanted()) return;
    asking = true;
    try {
      const last = localStorage.getItem(LAST);
      const answer = await fetch(`/api/notifications/browser${last ? `?after=${last}` : ""}`, { redirect: "error" });
      if (answer.ok) (await answer.json()).notices.forEach((notice) => tell(notice, Boolean(last)));
    } catch { /* it asks again */ } finally { asking = false; }
  }

  // The first time it is only learnt up to where everything is old.
  function tell(notice, isNew) {
    localStorage.setItem(LAST, notice.id);
    if (!isNew) return;
    let shown;
    try { shown = new Notification(notice.subject, { body: notice.body, tag: notice.id }); } catch { return; }
    shown.onclick = () => {
      window.focus();
      shown.close();
      location.assign(notice.jobId ? `/jobs/${notice.jobId}` : "/notifications");
    };
  }

  setInterval(ask, EVERY_MS);
  new MutationObserver(ask).observe(document.getElementById("notices"), { childList: true });
  document.addEventListener("visibilitychange", ask);
  ask();
})();
