// The list of jobs: choosing rows, times in the viewer's zone, and a page that does not grow for ever.
(() => {
  // Rows that come on top push others out at the bottom, back to the older pages.
  const MOST_ROWS = 100;
  const boxes = () => [...document.querySelectorAll('#job-rows input[name="id"]')];
  let last = null;

  function count() {
    const all = boxes(), chosen = all.filter((box) => box.checked).length;
    const whole = document.getElementById("choose-page"), text = document.querySelector("[data-chosen]");
    if (!whole || !text) return;
    whole.checked = chosen > 0 && chosen === all.length;
    whole.indeterminate = chosen > 0 && chosen < all.length;
    const everything = document.getElementById("many-all").checked;
    const words = everything ? "" : `${chosen.toLocaleString("en")} chosen`;
    if (text.textContent !== words) text.textContent = words;
  }

  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!box.matches?.('#job-rows input[name="id"]')) return;
    const all = boxes(), from = all.indexOf(last), to = all.indexOf(box);
    if (event.shiftKey && from >= 0 && from !== to) {
      for (const one of all.slice(Math.min(from, to), Math.max(from, to) + 1)) one.checked = box.checked;
    }
    last = box;
    count();
  });
  document.addEventListener("keydown", (event) => {
    const box = event.target;
    if (event.key !== "Enter" || !box.matches?.(".choose input, #many-all")) return;
    event.preventDefault();
    box.click();
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "choose-page") for (const box of boxes()) box.checked = event.target.checked;
    if (event.target.id === "many-all" && !event.target.checked) document.getElementById("many-matching").textContent = "";
    if (event.target.matches?.(".choose input, #many-all")) count();
    // A span that ends now and a beginning of one's own exclude each other.
    if (event.target.id === "filter-created" && event.target.value) empty("filter-after", "filter-before");
    if (event.target.id === "filter-after" && event.target.value) empty("filter-created");
  }, true);
  document.addEventListener("reset", (event) => {
    if (event.target.id === "many") setTimeout(count);
  });

  function empty(...ids) {
    for (const id of ids) document.getElementById(id).value = "";
  }

  // The address carries exact times, and nothing that says nothing.
  document.addEventListener("htmx:config:request", (event) => {
    const { sourceElement, request } = event.detail.ctx;
    if (sourceElement.id !== "filters") return;
    for (const [name, value] of [...request.body]) if (!value) request.body.delete(name);
    for (const input of sourceElement.querySelectorAll("[data-moment]")) {
      if (input.value) request.body.set(input.name, new Date(input.value).toISOString().replace(".000Z", "Z"));
    }
  });

  function localize() {
    const zone = new Intl.DateTimeFormat("en", { timeZoneName: "short" }).formatToParts().find((part) => part.type === "timeZoneName")?.value;
    for (const mark of document.querySelectorAll("#filters [data-zone]")) if (zone && mark.textContent !== zone) mark.textContent = zone;
    for (const input of document.querySelectorAll("input[data-moment]")) {
      if (!input.dataset.moment || input === document.activeElement) continue;
      const moment = new Date(input.dataset.moment);
      input.value = new Date(moment - moment.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
    }
  }

  function trim() {
    const rows = document.getElementById("job-rows"), older = document.querySelector("[data-older]");
    if (!rows || !older || rows.childElementCount <= MOST_ROWS) return;
    for (const row of [...rows.children].slice(MOST_ROWS)) if (!row.querySelector("input:checked")) row.remove();
    const address = new URL(older.href);
    address.searchParams.set("before", rows.lastElementChild.dataset.job);
    older.href = address;
  }

  function look() {
    document.querySelector("[data-choose-page]")?.removeAttribute("hidden");
    trim();
    localize();
    count();
  }

  document.addEventListener("htmx:after:swap", look);
  addEventListener("pageshow", look);
  look();
})();
