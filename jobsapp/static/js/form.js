// The form of a new job: files dropped or chosen, checked before they travel, sent with a bar.
(() => {
  const size = (bytes) => {
    const units = ["bytes", "kB", "MB", "GB", "TB"];
    let amount = bytes, unit = 0;
    while (amount >= 1000 && unit < units.length - 1) { amount /= 1000; unit += 1; }
    return `${amount.toFixed(unit === 0 || amount >= 100 ? 0 : 1)} ${units[unit]}`;
  };

  const MOST_NAMES = 5;

  function fileChosen(input) {
    const field = input.closest("[data-file-field]");
    const files = [...input.files];
    const limit = Number(input.form.dataset.maxBytes);
    const tooLarge = files.find((file) => file.size > limit);
    const total = files.reduce((sum, file) => sum + file.size, 0);
    const refused = Boolean(tooLarge) || total > limit;
    const error = field.querySelector("[data-file-error]");
    error.hidden = !refused;
    error.textContent = tooLarge ? `${tooLarge.name} is ${size(tooLarge.size)}. Files may be up to ${size(limit)}.`
      : refused ? `Together these are ${size(total)}. At once they may be up to ${size(limit)}.` : "";
    field.classList.toggle("invalid", refused);
    input.toggleAttribute("aria-invalid", refused);
    field.querySelector(".drop").classList.toggle("filled", files.length > 0);
    if (files.length) {
      field.querySelector("[data-file-name]").textContent = files.length > MOST_NAMES ? `${files.length} files` : files.map((file) => file.name).join(", ");
      field.querySelector("[data-file-note]").textContent = size(total);
      if (!input.multiple) field.querySelectorAll("[data-kept]").forEach((kept) => kept.remove());
    }
    return !refused;
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches('[data-file-field] input[type="file"]')) fileChosen(event.target);
    if (event.target.matches('input[type="datetime-local"]')) offset(event.target);
    const form = event.target.closest("[data-upload-form]");
    if (form) fit(form);
  });
  for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      const drop = event.target.closest?.("[data-drop]");
      drop?.classList.toggle("over", kind === "dragenter" || kind === "dragover");
    });
  }

  function offset(input) {
    const hidden = document.querySelector(`[data-offset-of="${input.id}"]`);
    if (hidden) hidden.value = input.value ? String(-new Date(input.value).getTimezoneOffset()) : "";
  }

  // A field that means nothing with what is chosen is out of sight, unless it has an error to show.
  function fit(form) {
    const chosen = new FormData(form);
    for (const part of form.querySelectorAll("[data-when]")) {
      const conditions = Object.entries(JSON.parse(part.dataset.when));
      const wanted = conditions.every(([name, values]) => chosen.getAll(name).some((value) => values.includes(value)));
      part.hidden = !wanted && !part.querySelector(".invalid, [aria-invalid]");
    }
  }

  function ready(form) {
    fit(form);
    for (const zone of form.querySelectorAll("[data-zone]")) {
      zone.textContent = `Your time (${Intl.DateTimeFormat().resolvedOptions().timeZone}).`;
    }
  }

  function sentence(form, text) {
    let box = form.querySelector("#form-errors");
    if (!box) {
      box = document.createElement("div");
      box.id = "form-errors";
      box.className = "error-box";
      box.tabIndex = -1;
      box.setAttribute("role", "alert");
      form.prepend(box);
    }
    const line = document.createElement("p");
    line.className = "error-message";
    line.textContent = text;
    box.replaceChildren(line);
    box.scrollIntoView({ block: "nearest" });
  }

  function busy(form, on) {
    form.querySelector("[data-submit]").disabled = on;
    form.querySelector("[data-upload-progress]").hidden = !on || ![...form.querySelectorAll('input[type="file"]')].some((input) => input.files.length);
    form.toggleAttribute("aria-busy", on);
  }

  function send(form) {
    const request = new XMLHttpRequest();
    const bar = form.querySelector("[data-upload-progress] progress");
    const text = form.querySelector("[data-upload-text]");
    request.open("POST", form.action);
    request.setRequestHeader("HX-Request", "true");
    request.setRequestHeader("X-CSRFToken", window.jobsapp.token());
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = (100 * event.loaded) / event.total;
      text.textContent = event.loaded < event.total ? `${size(event.loaded)} of ${size(event.total)} uploaded` : "Uploaded, starting the job…";
    });
    request.addEventListener("load", () => answered(form, request));
    request.addEventListener("error", () => {
      busy(form, false);
      sentence(form, "The connection broke while sending. Nothing was started; your choices are still here. Try again.");
    });
    form.querySelector("[data-abort]").addEventListener("click", () => request.abort());
    busy(form, true);
    request.send(new FormData(form));
  }

  async function answered(form, request) {
    const next = request.getResponseHeader("HX-Redirect");
    if (next) { location.assign(next); return; }
    busy(form, false);
    if (request.status !== 422) {
      const answer = new DOMParser().parseFromString(request.responseText, "text/html");
      sentence(form, answer.querySelector(".toast p")?.textContent || "The server could not take this. Try again in a moment.");
      return;
    }
    await htmx.swap({ sourceElement: form, target: form, swap: "outerHTML", text: request.responseText });
    const fresh = document.getElementById("job-form");
    ready(fresh);
    (fresh.querySelector('[aria-invalid="true"], .invalid input') ?? fresh.querySelector("#form-errors"))?.focus();
  }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-upload-form]");
    // Another button leads to a page of its own, as without a script.
    if (!form || event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault();
    form.querySelectorAll('input[type="datetime-local"]').forEach(offset);
    const inputs = [...form.querySelectorAll('[data-file-field] input[type="file"]')];
    const refused = inputs.find((input) => !fileChosen(input));
    if (refused) refused.focus(); else send(form);
  });

  document.querySelectorAll("[data-upload-form]").forEach(ready);
})();
