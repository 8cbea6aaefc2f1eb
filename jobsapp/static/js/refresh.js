// Parts of a page that are asked for anew every few seconds, while somebody can see them: `<div id="…" data-refresh="3">`;
// with `data-refresh-from` from an address of their own.
(() => {
  const LIMIT = 15000;
  const asked = new WeakMap();
  const busy = new WeakSet();
  let good = new Date();

  function due(part) {
    if (!asked.has(part)) asked.set(part, performance.now());
    return performance.now() - asked.get(part) >= Number(part.dataset.refresh) * 1000;
  }

  // A page that is no more as it is must say so.
  function tell(stale) {
    const note = document.getElementById("stale");
    if (!note) return;
    const time = note.querySelector("time");
    time.dateTime = good.toISOString();
    time.textContent = good.toLocaleTimeString();
    note.hidden = !stale;
  }

  async function refresh(part) {
    const address = new URL(part.dataset.refreshFrom ?? location.href, location.href);
    address.searchParams.delete("open");
    busy.add(part);
    try {
      const answer = await fetch(address, { headers: { "HX-Request": "true" }, redirect: "error", signal: AbortSignal.timeout(LIMIT) });
      const login = answer.headers.get("HX-Redirect");
      if (login) location.href = login;
      if (!answer.ok) throw new Error(answer.statusText);
      const text = await answer.text();
      if (!part.isConnected) return;
      await htmx.swap({ sourceElement: part, target: part, swap: "outerMorph", select: `#${part.id}`, text });
      good = new Date();
      tell(false);
    } catch {
      tell(true);
    } finally {
      busy.delete(part);
      asked.set(part, performance.now());
    }
  }

  function look(atOnce) {
    if (document.hidden) return;
    for (const part of document.querySelectorAll("[data-refresh]")) {
      if (!busy.has(part) && (atOnce || due(part))) refresh(part);
    }
  }

  document.addEventListener("visibilitychange", () => look(true));
  setInterval(() => look(false), 500);
})();
