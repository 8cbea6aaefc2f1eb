// The form of a new schedule begins in the time zone of the browser, and offers those of the world.
(() => {
  const zone = document.getElementById("f-zone");
  if (!zone) return;
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const list = document.createElement("datalist");
  list.id = "zones";
  for (const name of new Set(["UTC", own, ...(Intl.supportedValuesOf?.("timeZone") ?? [])])) list.append(new Option(name));
  zone.after(list);
  zone.setAttribute("list", list.id);
  if (location.pathname.startsWith("/schedules/new/") && zone.value === zone.defaultValue && own) {
    zone.value = own;
    zone.dispatchEvent(new Event("input", { bubbles: true }));
  }
})();
