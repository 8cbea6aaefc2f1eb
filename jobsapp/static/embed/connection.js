// The way to the server: a socket, and questions every few seconds where there is none. It says only what is true.
const [LONGEST, POLL, QUIET, CHECK, PATIENCE] = [15000, 3000, 20000, 5000, 10000];
const SIGNED_OUT = 4401;

class Connection {
  #server; #job; #token; #tell; #socket; #timer; #clock; #state; #tries = 0; #dialAt = 0; #heard = 0; #over = false;

  // tell: { connection(state), job(job), ended(), missing(message) }
  constructor(server, job, token, tell) {
    this.#server = server;
    this.#job = job;
    this.#token = token;
    this.#tell = tell;
    for (const [target, name] of this.#signals) target.addEventListener(name, this);
    this.#clock = setInterval(() => this.#check(), CHECK);
    this.#say("connecting");
    this.#dial();
  }

  get #signals() { return [[window, "online"], [window, "offline"], [document, "visibilitychange"]]; }

  stop() {
    this.#over = true;
    clearTimeout(this.#timer);
    clearInterval(this.#clock);
    for (const [target, name] of this.#signals) target.removeEventListener(name, this);
    this.#drop();
  }

  handleEvent({ type }) {
    if (type === "offline") return this.#say("offline");
    if (type === "visibilitychange" && document.hidden) return;
    // A connection that slept through a change of network may be dead without knowing it.
    if (this.#socket?.readyState === WebSocket.OPEN) this.#verify();
    else if (type === "online") this.#dial();
  }

  #say(state) {
    if (this.#over) return;
    if (!navigator.onLine && state !== "live") state = "offline";
    if (this.#state !== state) this.#tell.connection(this.#state = state);
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #dial() {
    clearTimeout(this.#timer);
    this.#drop();
    this.#dialAt = performance.now() + Math.min(2 * LONGEST, 1000 * 2 ** this.#tries);
    let socket;
    try {
      socket = new WebSocket(`${this.#server.replace(/^http/, "ws")}/ws/jobs`, ["jobsapp", `jobsapp.token.${this.#token}`]);
    } catch { return void this.#again(); }
    this.#socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ action: "subscribe-job", jobId: this.#job }));
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      const { event, job, message } = JSON.parse(data);
      if (event === "error") return this.#tell.missing(message);
      this.#tries = 0;
      this.#heard = performance.now();
      this.#say("live");
      this.#tell.job(job);
    };
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      if (code === SIGNED_OUT) return this.#tell.ended();
      if (this.#state !== "polling") this.#say(this.#state === "connecting" ? "connecting" : "reconnecting");
      this.#again();
    };
  }

  // Without a socket: ask, then try again, later each time.
  async #again() {
    clearTimeout(this.#timer);
    const well = await this.#ask();
    if (this.#over || this.#socket) return;
    this.#say(well ? "polling" : "reconnecting");
    const pause = Math.min(well ? POLL : LONGEST, 500 * 2 ** this.#tries++) * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => (well && performance.now() < this.#dialAt ? this.#again() : this.#dial()), pause);
  }

  // Whether an answer came. A token that ended and a job that is gone are answers.
  async #ask() {
    try {
      const answer = await fetch(`${this.#server}/api/jobs/${encodeURIComponent(this.#job)}`, {
        headers: { Authorization: `Bearer ${this.#token}` },
        credentials: "omit", cache: "no-store", signal: AbortSignal.timeout(PATIENCE),
      });
      if (this.#over) return true;
      if (answer.status === 401) this.#tell.ended();
      else if (answer.status < 500 && !answer.ok) this.#tell.missing("There is no such job here, or it belongs to another token.");
      else if (answer.ok) this.#tell.job(await answer.json());
      if (answer.status < 500) this.#heard = performance.now();
      return answer.status < 500;
    } catch { return false; }
  }

  #check() {
    if (!document.hidden && this.#socket?.readyState === WebSocket.OPEN && performance.now() - this.#heard > QUIET) this.#verify();
  }

  async #verify() {
    const socket = this.#socket, well = await this.#ask();
    if (this.#over || !socket || socket !== this.#socket) return;
    if (well) return this.#say("live");
    this.#drop();
    this.#say("reconnecting");
    this.#again();
  }
}
