// <job-progress job-id token [server]>: one job, live.
class JobProgress extends HTMLElement {
  static observedAttributes = ["job-id", "token", "server"];

  #parts = {}; #connection; #provider; #pending = false; #job; #said = ""; #quarter = 0; #told = 0; #refreshed = 0; #clock;

  constructor() {
    super();
    const p = this.#parts;
    for (const name of PARTS.split(" ")) p[name] = h({ bar: "div", fill: "div", box: "div", result: "dl", files: "ul" }[name] ?? "span", { class: name, part: name });
    for (const name of ["description", "message", "facts", "connection"]) p[name].classList.add("muted");
    p.counts.classList.add("small");
    p.left = h("span", { class: "muted" });
    p.voice = h("p", { class: "quiet", role: "status" });
    p.box.setAttribute("role", "group");
    p.bar.append(p.fill);
    for (const [key, value] of [["role", "progressbar"], ["aria-valuemin", 0], ["aria-valuemax", 100]]) p.bar.setAttribute(key, value);
    p.box.append(
      h("div", { class: "head" }, lines(p.name, p.description), p.connection), h("div", { class: "now" }, p.icon, lines(p.state, p.message)), p.bar, h("div", { class: "line" }, p.counts, p.left, p.percentage), p.error, p.result, p.files, p.facts, p.voice,
    );
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style];
    root.append(p.box);
  }

  // A function that gives a fresh token for a job: asked when there is none, and when the one there is has ended.
  get tokenProvider() { return this.#provider; }
  set tokenProvider(provider) {
    this.#provider = provider;
    if (!this.getAttribute("token")) this.#restart();
  }

  // The job as it was last heard of.
  get job() { return this.#job ?? null; }

  connectedCallback() {
    // Set before the element was known to the browser.
    if (Object.hasOwn(this, "tokenProvider")) {
      const provider = this.tokenProvider;
      delete this.tokenProvider;
      this.tokenProvider = provider;
    }
    this.#clock = setInterval(() => this.#tick(), 1000);
    this.#restart();
  }

  disconnectedCallback() {
    clearInterval(this.#clock);
    this.#stop();
  }

  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name !== "token") {
      this.#job = undefined;
      this.#said = "";
    }
    this.#restart();
  }

  // Several changes at once make one connection.
  #restart() {
    this.#stop();
    if (this.#pending) return;
    this.#pending = true;
    queueMicrotask(() => {
      this.#pending = false;
      if (this.isConnected) this.#start();
    });
  }

  #stop() {
    this.#connection?.stop();
    this.#connection = null;
  }

  #start() {
    const [id, token] = ["job-id", "token"].map((name) => this.getAttribute(name));
    this.#draw();
    this.#parts.voice.textContent = "";
    if (!id) return this.#trouble("no-job", "No job is named here: job-id is missing.");
    if (!/^[0-9a-f-]{36}$/i.test(id)) return this.#trouble("not-found", "There is no such job: job-id is not an id.");
    if (!token) return this.#fresh("no-token", "There is no permission to show this job: token is missing.");
    this.#connection = new Connection(this.#server, id, token, {
      connection: (state) => this.#show(state),
      job: (job) => this.#hear(job),
      missing: (message) => this.#trouble("not-found", message),
      ended: () => this.#fresh("expired", "The permission to show this job has ended. Load the page anew."),
    });
  }

  get #server() { return (this.getAttribute("server") ?? SERVER).replace(/\/+$/, ""); }

  // Ask the page for another token, but not in a circle: one that ends at once is no better than none.
  async #fresh(code, sentence) {
    this.#stop();
    const [id, now] = [this.getAttribute("job-id"), performance.now()];
    if (!this.#provider || (this.#refreshed && now - this.#refreshed < 5000)) return this.#trouble(code, sentence);
    this.#refreshed = now;
    let token;
    try { token = await this.#provider(id); } catch { /* As if there were none. */ }
    if (!this.isConnected || id !== this.getAttribute("job-id")) return;
    if (token && token !== this.getAttribute("token")) this.setAttribute("token", token);
    else this.#trouble(code, sentence);
  }

  #trouble(code, message) {
    this.#stop();
    this.#show("");
    if (!this.#job) put(this.#parts.state, "");
    put(this.#parts.error, message);
    this.#parts.voice.textContent = message;
    this.#fire("job-error", { code, message });
  }

  #show(state) {
    this.#parts.connection.dataset.connection = state;
    put(this.#parts.connection, CONNECTIONS[state] ?? "");
  }

  #hear(job) {
    const before = this.#job;
    if (before && job.revision < before.revision) return;
    this.#job = job;
    this.#told = performance.now();
    this.#draw();
    if (!before || job.revision > before.revision) this.#fire("job-update", { job });
    this.#speak(before);
    const said = FINAL.has(job.status) ? `${job.status} ${job.attempts}` : "";
    if (said && said !== this.#said) {
      const { result, error, cancelReason: reason } = job;
      this.#fire(`job-${job.status}`, { job, ...{ completed: { result }, failed: { error }, cancelled: { reason } }[job.status] });
    }
    this.#said = said;
    // A completed job changes no more. A failed or cancelled one may be retried.
    if (job.status === "completed") {
      this.#stop();
      this.#show("");
    }
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  get #state() { return this.#job?.status === "active" && this.#job.cancelRequestedAt ? "stopping" : this.#job?.status; }

  // Changes of state and each quarter, once.
  #speak(before) {
    const { status, progress: { percentage }, name } = this.#job;
    const quarter = status === "active" ? Math.floor((percentage ?? 0) / 25) : 0;
    const news = before?.status !== status ? STATES[status][0] : quarter > this.#quarter && quarter < 4 && `${quarter * 25} per cent`;
    // Not what was there when the page came: that is read as everything else is.
    if (before && news) this.#parts.voice.textContent = `${name}: ${news}`;
    this.#quarter = quarter;
  }

  #draw() {
    const p = this.#parts, job = this.#job, state = this.#state ?? "";
    if (p.box.dataset.state !== state) p.icon.replaceChildren(...(job ? [icon(STATES[state][1])] : []));
    p.icon.hidden = p.bar.hidden = !job;
    p.box.dataset.state = state;
    p.box.setAttribute("aria-label", job?.name ?? "Job");
    put(p.name, job?.name ?? "");
    put(p.description, job?.description ?? "");
    put(p.state, job ? STATES[state][0] : "Loading…");
    put(p.message, job ? this.#message(state) : "");
    put(p.error, job?.status === "failed" ? job.error?.message || "The job ended without saying why." : "");
    this.#drawBar();
    this.#drawResult();
    this.#tick();
  }

  #message(state) {
    const { progress, waitingFor, cancelReason } = this.#job;
    if (state === "pending") return waitingFor?.text ?? "";
    if (state === "stopping") return "Stopping at the next safe point";
    if (state === "cancelled") return cancelReason ?? "";
    return state === "failed" ? "" : progress.message ?? (state === "active" ? "Starting…" : "");
  }

  #drawBar() {
    const p = this.#parts, job = this.#job, { current, total, percentage } = job?.progress ?? {};
    const done = job?.status === "completed", known = done || percentage != null, share = done ? 100 : Math.floor(percentage ?? 0);
    const unit = job?.progressUnit === "bytes" ? size : number, item = job?.progressUnit === "bytes" ? "" : "Item ";
    const moving = job?.status === "active";
    p.bar.hidden = !job || job.status === "pending" || (!known && !moving);
    p.bar.classList.toggle("unknown", !known && moving);
    p.fill.style.width = known ? `${done ? 100 : percentage}%` : "";
    p.bar.setAttribute("aria-label", `Progress of ${job?.name}`);
    if (known) p.bar.setAttribute("aria-valuenow", share); else p.bar.removeAttribute("aria-valuenow");
    put(p.percentage, known && !done && job.status !== "pending" ? `${share} %` : "");
    put(p.counts, !moving || current == null ? "" : total
      ? `${item}${unit(current)} of ${unit(total)} · ${unit(Math.max(0, total - current))} remaining` : `${item}${unit(current)}`);
  }

  #drawResult() {
    const p = this.#parts, job = this.#job, over = job && FINAL.has(job.status);
    const facts = job?.status === "completed" && job.result && typeof job.result === "object" ? Object.entries(job.result) : [];
    const plain = facts.filter(([, value]) => ["string", "number", "boolean"].includes(typeof value)).slice(0, 8);
    p.result.replaceChildren(...plain.map(([key, value]) => h("div", {}, h("dt", { class: "muted" }, words(key)),
      h("dd", {}, typeof value === "number" ? amount(key, value) : typeof value === "boolean" ? (value ? "Yes" : "No") : value))));
    p.result.hidden = !plain.length;
    const files = over ? job.artifacts : [], ids = files.map((file) => file.id).join();
    p.files.hidden = !files.length;
    if (p.files.dataset.ids === ids) return;
    p.files.dataset.ids = ids;
    p.files.replaceChildren(...files.map((file) => h("li", {}, this.#file(file))));
  }

  #file({ name, size: bytes, downloadUrl }) {
    const get = h("span", { class: "get" }, "Download");
    const button = h("button", { type: "button", class: "file", part: "file" }, h("span", {}, name, " ", h("span", { class: "muted" }, size(bytes))), get);
    button.onclick = async () => {
      put(get, "Downloading…");
      try {
        const headers = { Authorization: `Bearer ${this.getAttribute("token")}` };
        const answer = await fetch(this.#server + downloadUrl, { headers, credentials: "omit" });
        if (!answer.ok) throw answer;
        const address = URL.createObjectURL(await answer.blob());
        h("a", { href: address, download: name }).click();
        setTimeout(() => URL.revokeObjectURL(address), 60000);
        put(get, "Download");
      } catch { put(get, "It did not work. Try again"); }
    };
    return button;
  }

  // What passes by itself.
  #tick() {
    const p = this.#parts, job = this.#job, passed = performance.now() - this.#told, moving = job?.status === "active";
    const left = moving && job.etaSeconds != null ? job.etaSeconds * 1000 - passed : -Infinity;
    put(p.left, left >= 1000 ? `about ${duration(left)} left` : left > -1000 ? "less than 1 s left" : "");
    const took = job?.durationMs == null ? "" : duration(job.durationMs + (moving ? passed : 0));
    const started = job?.startedAt && new Date(job.startedAt);
    put(p.facts, job ? [words(job.type), started && `started ${started.toLocaleTimeString([], { timeStyle: "short" })}`, took].filter(Boolean).join(" · ") : "");
    p.facts.title = started ? started.toLocaleString() : "";
  }
}
