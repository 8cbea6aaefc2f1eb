// openJobModal(jobId, { token, tokenProvider, server, onClose, onComplete, onFail, onCancel }): a dialog around the element.
// Closing it never stops the job. Returns { close(), element }.
function openJobModal(jobId, { token, tokenProvider, server, onClose, onComplete, onFail, onCancel } = {}) {
  const progress = h("job-progress", { "job-id": jobId, exportparts: PARTS.split(" ").join(",") });
  if (token) progress.setAttribute("token", token);
  if (server) progress.setAttribute("server", server);
  if (tokenProvider) progress.tokenProvider = tokenProvider;
  const button = h("button", { type: "button", part: "close", autofocus: "" }, "Close");
  const dialog = h("dialog", { part: "dialog", "aria-label": "Job" }, progress, h("footer", {}, button));
  const host = h("job-modal");
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [style];
  root.append(dialog);

  progress.addEventListener("job-update", ({ detail: { job } }) => dialog.setAttribute("aria-label", job.name));
  progress.addEventListener("job-completed", ({ detail }) => onComplete?.(detail.result, detail.job));
  progress.addEventListener("job-failed", ({ detail }) => onFail?.(detail.error, detail.job));
  progress.addEventListener("job-cancelled", ({ detail }) => onCancel?.(detail.reason, detail.job));
  button.onclick = () => dialog.close();
  dialog.onclick = (event) => event.target === dialog && outside(dialog, event) && dialog.close();
  dialog.addEventListener("close", () => {
    host.remove();
    onClose?.();
  });

  document.body.append(host);
  dialog.showModal();
  return { close: () => dialog.close(), element: progress };
}

function outside(dialog, { clientX, clientY }) {
  const box = dialog.getBoundingClientRect();
  return clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom;
}

if (!customElements.get("job-progress")) customElements.define("job-progress", JobProgress);
window.JobsApp ??= Object.freeze({ JobProgress, openJobModal });
window.openJobModal ??= openJobModal;
