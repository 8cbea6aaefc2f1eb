// The progress modal: a native dialog around what the server sends. Closing it never stops the job.
(() => {
  const dialog = document.getElementById("job-modal");
  const content = document.getElementById("job-modal-content");

  let shown = null;

  function open() {
    const job = dialog.querySelector("[data-live-job]");
    if (!job) return;
    shown = content.firstElementChild;
    if (!dialog.open) dialog.showModal();
    window.jobsapp.showConnection(job);
    remember(job.dataset.liveJob);
  }

  // The address keeps what is open, so that reloading or sharing it shows the same.
  function remember(job) {
    const address = new URL(location.href);
    if (job) address.searchParams.set("open", job); else address.searchParams.delete("open");
    history.replaceState(history.state, "", address);
  }

  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx.target === content && content.childElementCount) open();
  });
  dialog.addEventListener("close", () => {
    // Browsers tell with the next frame, which a busy machine may owe for long: by then the dialog may be open again,
    // or about to be with what has come for it.
    if (dialog.open || content.firstElementChild !== shown) return;
    remember(null);
    // What stood above the dialog while it was open goes back to the page.
    document.body.append(document.getElementById("toasts"), document.getElementById("announcer"));
    // Through htmx, so that the socket inside is closed with it.
    htmx.swap({ sourceElement: content, target: content, swap: "innerHTML", text: "" });
  });

  let pressedOutside = false;
  const outside = (event) => {
    if (event.target !== dialog) return false;
    const box = dialog.getBoundingClientRect();
    return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
  };
  dialog.addEventListener("pointerdown", (event) => { pressedOutside = outside(event); });
  dialog.addEventListener("click", (event) => {
    if (event.target.closest("[data-close-modal]") || (pressedOutside && outside(event))) dialog.close();
  });

  // Any page of who is signed in can show a job: the list draws the one of its address by itself.
  const asked = new URL(location.href).searchParams.get("open");
  const signedIn = document.getElementById("tray");
  if (asked && signedIn && /^[0-9a-f-]{36}$/.test(asked) && location.pathname !== "/jobs" && !document.querySelector(`main [data-live-job="${asked}"]`)) {
    htmx.ajax("GET", `/jobs/${asked}/modal`, { target: content, swap: "innerHTML" });
  }

  open();
})();
