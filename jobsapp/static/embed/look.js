// Words, icons and the style of both elements. No markup is parsed and no style is inline: the page's policy may be strict.
const STATES = {
  pending: ["Job queued", "M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16M12 8v4.5l3 2"],
  active: ["Processing…", "M12 4a8 8 0 1 1-8 8"],
  stopping: ["Processing…", "M12 4a8 8 0 1 1-8 8"],
  completed: ["Job completed", "M5.5 12.5l4.5 4.5 8.5-10"],
  failed: ["Job failed", "M7 7l10 10M17 7L7 17"],
  cancelled: ["Job cancelled", "M8 8h8v8H8z"],
};
const CONNECTIONS = {
  connecting: "Connecting", live: "Live", polling: "Every few seconds", reconnecting: "Reconnecting…", offline: "Offline",
};
const FINAL = new Set(["completed", "failed", "cancelled"]);
const PARTS = "box icon name description state connection message bar fill counts percentage facts error result files file";

const style = new CSSStyleSheet();
style.replaceSync(`
:host { display: block; --_text: var(--job-text, light-dark(#17181c, #eceef2)); --_muted: var(--job-muted, light-dark(#62656f, #9a9eab));
  --_surface: var(--job-surface, light-dark(#fff, #16181e)); --_line: var(--job-line, light-dark(#e4e4ea, #282b34));
  --_track: var(--job-track, light-dark(#e8e8ee, #2a2d37)); --_accent: var(--job-accent, light-dark(#2f6fe4, #4c8dfa));
  --_radius: var(--job-radius, 12px); color: var(--_text);
  font-family: var(--job-font, inherit); font-size: var(--job-font-size, 0.9375rem); line-height: 1.5; }
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; margin: 0; min-width: 0; overflow-wrap: anywhere; }
.box { display: grid; gap: 0.75em; padding: var(--job-padding, 1.25em); background: var(--_surface); border: 1px solid var(--_line); border-radius: var(--_radius);
  --_tone: var(--_accent); }
[data-state="pending"] { --_tone: var(--job-waiting, light-dark(#8a5a00, #e7b450)); }
[data-state="stopping"], [data-state="cancelled"] { --_tone: var(--job-stopped, light-dark(#5b5e68, #a4a8b4)); }
[data-state="completed"] { --_tone: var(--job-success, light-dark(#0f7a43, #4fce8a)); }
[data-state="failed"] { --_tone: var(--job-failure, light-dark(#c22d2d, #ff8080)); }
.head, .now { display: flex; gap: 0.75em; align-items: start; }
.head > :first-child { flex: 1; }
.now { align-items: center; }
.icon { flex: none; width: 2.4em; height: 2.4em; padding: 0.5em; color: var(--_tone); background: color-mix(in srgb, var(--_tone) 14%, transparent); border-radius: 50%; }
svg { display: block; width: 100%; height: 100%; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
[data-state="pending"] .icon svg { animation: pulse 1.8s ease-in-out infinite; }
[data-state="active"] .icon svg, [data-state="stopping"] .icon svg { animation: spin 0.9s linear infinite; }
.name, .state { font-weight: 620; }
.muted, .small { font-size: 0.87em; }
.muted { color: var(--_muted); }
.connection { display: flex; gap: 0.4em; align-items: center; padding: 0.1em 0.7em; border: 1px solid var(--_line); border-radius: 99px; white-space: nowrap; }
.connection::before { content: ""; width: 0.5em; height: 0.5em; border-radius: 50%; background: var(--_muted); }
.connection[data-connection="live"]::before { background: var(--job-success, light-dark(#1b9a59, #34b873)); }
.connection[data-connection="reconnecting"]::before { background: var(--job-waiting, #b98700); animation: pulse 1s infinite; }
.connection[data-connection="offline"]::before { background: var(--job-failure, #d84343); }
.bar { height: var(--job-bar-height, 8px); overflow: hidden; background: var(--_track); border-radius: 99px; }
.fill { height: 100%; width: 30%; background: var(--_tone); border-radius: inherit; transition: width 380ms cubic-bezier(0.3, 0.7, 0.4, 1); }
[data-state="active"] .fill { background: var(--_accent); }
.unknown .fill { animation: slide 1.6s ease-in-out infinite; }
.line, .facts { display: flex; flex-wrap: wrap; gap: 0 1em; font-variant-numeric: tabular-nums; }
.line:not(:has(> :not([hidden]))) { display: none; }
.percentage { margin-left: auto; font-weight: 620; }
.error { padding: 0.75em 1em; color: var(--_tone); background: color-mix(in srgb, var(--_tone) 10%, transparent); border-radius: calc(var(--_radius) * 0.66); white-space: pre-line; }
.result { display: grid; grid-template-columns: repeat(auto-fit, minmax(8em, 1fr)); gap: 0.5em 1em; }
dd { margin: 0; font-weight: 550; }
ul { display: grid; gap: 0.5em; padding: 0; list-style: none; }
button { font: inherit; color: inherit; background: none; border: 1px solid var(--_line); border-radius: calc(var(--_radius) * 0.66); padding: 0.5em 1em; cursor: pointer; }
button:hover { background: color-mix(in srgb, var(--_text) 6%, transparent); }
button:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
.file { display: flex; flex-wrap: wrap; gap: 0 1em; justify-content: space-between; width: 100%; text-align: start; }
.get { color: var(--_accent); font-weight: 570; }
.quiet { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
dialog { margin: auto; width: min(36rem, calc(100vw - 2rem)); max-height: calc(100dvh - 2rem); padding: 0; color: inherit; background: var(--_surface); border: 1px solid var(--_line); border-radius: var(--_radius); overflow: auto; overscroll-behavior: contain; }
dialog::backdrop { background: rgb(0 0 0 / 45%); }
dialog job-progress::part(box) { border: 0; }
dialog footer { display: flex; justify-content: end; padding: 0.75em 1.25em; border-top: 1px solid var(--_line); }
@keyframes pulse { 50% { opacity: 0.45; } }
@keyframes spin { to { rotate: 360deg; } }
@keyframes slide { from { translate: -100%; } to { translate: 340%; } }
@media (prefers-reduced-motion: reduce) { *, *::before { animation-duration: 0.01ms !important; animation-iteration-count: 1 !important; transition: none !important; } }
@media (forced-colors: active) { .bar { border: 1px solid CanvasText; } .fill { background: Highlight !important; forced-color-adjust: none; } }
`);

function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const lines = (...parts) => h("div", {}, ...parts.map((part) => h("div", {}, part)));

function icon(path) {
  const [svg, line] = ["svg", "path"].map((name) => document.createElementNS("http://www.w3.org/2000/svg", name));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

// What is the same is left alone: a screen reader takes each writing for news.
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

const number = (value) => value.toLocaleString("en", { maximumFractionDigits: 2 });

function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < 4; unit++) bytes /= 1000;
  return `${bytes.toLocaleString("en", { maximumFractionDigits: unit && bytes < 100 ? 1 : 0 })} ${units[unit]}`;
}

function duration(milliseconds) {
  if (milliseconds < 1000) return "less than 1 s";
  const seconds = Math.floor(milliseconds / 1000);
  for (const [unit, length, lower, short] of [["d", 86400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]]) {
    const rest = Math.floor((seconds % length) / short);
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}${rest ? ` ${rest} ${lower}` : ""}`;
  }
  return `${seconds} s`;
}

// A number of a result in the unit that its name tells, as jobsapp's own pages show it.
function amount(name, value) {
  const key = name.toLowerCase();
  if (key.includes("bytes") || key === "size") return size(value);
  return key.endsWith("seconds") || key === "duration" ? duration(value * 1000) : number(value);
}

const words = (name) => {
  const text = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/[_-]/g, " ").toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
};
