// Times as people say them, kept up to date. Written as `pages/language.py` writes them.
(() => {
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
  const short = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
  const clocks = new WeakMap();
  const started = new WeakMap();
  const told = new WeakMap();

  function duration(milliseconds) {
    if (milliseconds < 100) return `${Math.floor(milliseconds)} ms`;
    const seconds = milliseconds / 1000;
    if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`;
    const whole = Math.floor(seconds);
    for (const [unit, length, lower, lowerLength] of [["d", 86400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]]) {
      if (whole >= length) {
        const rest = Math.floor((whole % length) / lowerLength);
        return `${Math.floor(whole / length)} ${unit}` + (rest ? ` ${rest} ${lower}` : "");
      }
    }
    return `${whole} s`;
  }

  function left(milliseconds) {
    if (milliseconds >= 1000) return `about ${duration(milliseconds)} left`;
    // It takes longer than was thought: how long, nobody knows.
    return milliseconds > -1000 ? "less than 1 s left" : "";
  }

  function ago(moment) {
    const seconds = (Date.now() - moment) / 1000;
    const away = Math.abs(seconds);
    if (away < 45) return seconds >= 0 ? "just now" : "in a moment";
    if (away > 7 * 86400) return day.format(moment);
    const [unit, length] = away >= 86400 ? ["d", 86400] : away >= 3600 ? ["h", 3600] : ["min", 60];
    const count = Math.max(1, Math.floor(away / length));
    return seconds >= 0 ? `${count} ${unit} ago` : `in ${count} ${unit}`;
  }

  function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  // A log has many of them: each is worked out once.
  function clock(element, today) {
    let known = clocks.get(element);
    if (known?.iso !== element.dateTime) {
      const moment = new Date(element.dateTime);
      known = { iso: element.dateTime, text: (moment.toDateString() === today ? time : short).format(moment) };
      clocks.set(element, known);
      element.title = exact.format(moment);
    }
    write(element, known.text);
  }

  function tick() {
    const today = new Date().toDateString();
    for (const element of document.querySelectorAll("time[data-clock]")) clock(element, today);
    for (const element of document.querySelectorAll("time[data-ago]")) {
      const moment = new Date(element.dateTime);
      write(element, ago(moment));
      element.title = exact.format(moment);
    }
    for (const element of document.querySelectorAll("time[data-local]")) {
      write(element, exact.format(new Date(element.dateTime)));
      element.title = element.textContent;
    }
    for (const element of document.querySelectorAll("[data-elapsed]")) {
      // Counted from when the number arrived: the clocks of server and viewer need not agree.
      let known = started.get(element);
      if (known?.elapsed !== element.dataset.elapsed) {
        known = { elapsed: element.dataset.elapsed, at: performance.now() };
        started.set(element, known);
      }
      write(element, duration(Number(known.elapsed) + performance.now() - known.at));
    }
    for (const element of document.querySelectorAll("[data-left]")) {
      // A job that says nothing sends nothing, and its time left passes all the same.
      let known = told.get(element);
      if (known?.at !== element.dataset.toldAt) {
        known = { at: element.dataset.toldAt, end: performance.now() + Number(element.dataset.left) };
        told.set(element, known);
      }
      write(element, left(known.end - performance.now()));
    }
  }

  tick();
  setInterval(tick, 1000);
  document.addEventListener("htmx:after:swap", tick);
})();
