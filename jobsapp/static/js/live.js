// What comes over the sockets: nothing late, nothing twice, the truth about the connection, and a quiet voice.
(() => {
  const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting…", offline: "Offline" };
  const STATES = {
    pending: "Job queued", active: "Processing", stopping: "Stopping",
    completed: "Job completed", failed: "Job failed", cancelled: "Job cancelled",
  };
  const FINAL = new Set(["completed", "failed", "cancelled"]);
  // After this long without news the page asks once itself: that finds dead connections and stale reasons to wait.
  const QUIET = { job: 8000, list: 30000, tray: 30000 };
  const SIGNED_OUT = 4401;
  const heard = new WeakMap();
  const told = new Map();

  // htmx would take a normal closing for the end; a server that goes down orderly closes so, too.
  htmx.config.ws = { ...htmx.config.ws, reconnectCodes: [1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014] };

  const roots = () => document.querySelectorAll("[data-live]");
  const rootOf = (event) => event.target.closest?.("[data-live]");
  const socketOf = (root) => root._htmx?.ws?.connection?.socket;
  const connected = (root) => socketOf(root)?.readyState === WebSocket.OPEN;

  function show(root, state) {
    const mark = root.querySelector(".connection");
    if (!mark) return;
    if (mark.dataset.connection === state) return;
    mark.dataset.connection = state;
    mark.querySelector("[data-connection-text]").textContent = WORDS[state];
  }

  function showTruth(root) {
    if (!navigator.onLine) show(root, "offline");
    else show(root, connected(root) ? "live" : heard.has(root) ? "reconnecting" : "connecting");
  }

  document.addEventListener("htmx:ws:after:connection", (event) => {
    const root = rootOf(event);
    if (!root) return;
    // The parts of the page that do not come over the socket may have missed something, too.
    if (heard.has(root)) document.body.dispatchEvent(new CustomEvent("job:changed"));
    // More may have been missed than the newest jobs, which the socket sends.
    if (heard.has(root) && root.dataset.live === "list") refresh(root);
    heard.set(root, performance.now());
    show(root, "live");
  });
  document.addEventListener("htmx:ws:close", (event) => {
    const root = rootOf(event);
    if (!root || event.detail.reason === "removed") return;
    if (!heard.has(root)) heard.set(root, 0);
    showTruth(root);
    // The page itself leads to the sign-in, and from there back. Nothing of who was here before may stay on it.
    if (event.detail.code === SIGNED_OUT) location.reload();
  });
  document.addEventListener("htmx:ws:after:message:incoming", (event) => {
    const root = rootOf(event);
    if (!root) return;
    heard.set(root, performance.now());
    showTruth(root);
  });
  addEventListener("offline", () => roots().forEach(showTruth));
  addEventListener("online", () => {
    // A connection that slept through a change of network may be dead without knowing it.
    for (const root of roots()) {
      if (connected(root)) socketOf(root).close();
      showTruth(root);
    }
  });

  // Late and doubled fragments are taken out before they are swapped in.
  document.addEventListener("htmx:before:swap", (event) => {
    const tasks = event.detail.tasks;
    for (let i = tasks.length - 1; i >= 0; i--) if (!wanted(tasks[i])) tasks.splice(i, 1);
  });

  function wanted(task) {
    const fresh = task.fragment?.firstElementChild;
    if (!fresh?.dataset?.revision) return true;
    if (!task.target) return false;
    for (const node of [...task.fragment.childNodes]) if (node.nodeType === Node.TEXT_NODE) node.remove();
    if (task.swapSpec.style === "afterbegin") return place(task, fresh);
    const present = task.target?.dataset;
    return !(present?.job === fresh.dataset.job && Number(fresh.dataset.revision) < Number(present.revision));
  }

  // A row that is not there yet goes where its age belongs: ids sort by time of creation, newest first.
  function place(task, fresh) {
    if (document.getElementById(fresh.id)) return false;
    const older = [...task.target.children].find((row) => row.id < fresh.id);
    // Its place is on an older page.
    if (!older && task.target.dataset.more !== undefined) return false;
    task.swapSpec = { ...task.swapSpec, style: older ? "beforebegin" : "beforeend" };
    task.target = older ?? task.target;
    return true;
  }

  document.addEventListener("htmx:after:swap", look);

  function look() {
    for (const panel of document.querySelectorAll(".panel[data-job]")) tell(panel.dataset);
    for (const item of document.querySelectorAll(".tray-item")) tellOfTray(item.dataset);
    const dialog = document.querySelector("dialog:modal");
    // The button that had the focus may have gone with its state.
    if (dialog && (document.activeElement === document.body || document.activeElement === dialog)) {
      dialog.querySelector("#job-title")?.focus();
    }
  }

  // Of a minimised job only its end is news, unless it is shown beside and told of already.
  function tellOfTray({ job, name, state, revision }) {
    const key = `tray ${job}`, before = told.get(key);
    told.set(key, { state, revision });
    if (!before || before.state === state || !FINAL.has(state)) return;
    if (!document.getElementById(`job-${job}`)) announce(`${name}: ${STATES[state]}`);
  }

  function tell({ job, name, state, percent, revision }) {
    const quarter = Math.floor(Number(percent ?? 0) / 25);
    const before = told.get(job);
    told.set(job, { state, quarter, revision });
    if (!before || before.revision === revision) return;
    document.body.dispatchEvent(new CustomEvent("job:changed", { detail: { job, state } }));
    if (before.state !== state) announce(`${name}: ${STATES[state]}`);
    else if (state === "active" && quarter > before.quarter && quarter < 4) announce(`${name}: ${quarter * 25} per cent`);
  }

  function announce(text) {
    const dialog = document.querySelector("dialog:modal");
    const announcer = document.getElementById("announcer");
    // Outside of a modal dialog everything is silent.
    (dialog ?? document.body).append(announcer);
    announcer.textContent = text;
  }

  async function refresh(root) {
    heard.set(root, performance.now());
    // Rows that no longer belong here would go from under the pointer.
    if (connected(root) && root.querySelector("#job-rows:is(:hover, :focus-within)")) return;
    const job = root.dataset.liveJob;
    const own = root.dataset.liveAddress;
    const list = new URL(location.href);
    list.searchParams.delete("open");
    try {
      const answer = await fetch(own ?? (job ? `/jobs/${job}/live` : list), { headers: { "HX-Request": "true" }, redirect: "error" });
      const login = answer.headers.get("HX-Redirect");
      if (login) location.href = login;
      if (!answer.ok || !root.isConnected) return;
      const text = await answer.text();
      await htmx.swap(job
        ? { sourceElement: root, target: root, swap: "none", text }
        : own
        ? { sourceElement: root, target: root, swap: "outerMorph", text }
        : { sourceElement: root, target: "#jobs", swap: "outerMorph", select: "#jobs", text });
      showTruth(root);
    } catch {
      if (connected(root)) socketOf(root).close();
      if (!heard.has(root)) heard.set(root, 0);
      show(root, navigator.onLine ? "reconnecting" : "offline");
    }
  }

  setInterval(() => {
    if (document.hidden) return;
    for (const root of roots()) {
      const state = root.querySelector(".panel")?.dataset.state;
      const silent = performance.now() - (heard.get(root) ?? 0) > QUIET[root.dataset.live];
      if (silent && !(FINAL.has(state) && connected(root))) refresh(root);
    }
  }, 2000);

  roots().forEach((root) => show(root, navigator.onLine ? "connecting" : "offline"));
  look();
  window.jobsapp.showConnection = showTruth;
})();
