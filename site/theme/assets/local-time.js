/**
 * Beside each time in the studio's zone, the reader's own, where it differs; with its day where that differs too.
 */
const page = document.documentElement;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** @param {number} number */
const two = (number) => String(number).padStart(2, "0");

for (const time of document.querySelectorAll("time[data-local]")) {
  const moment = new Date(time.dateTime);
  const shown = time.textContent.match(/(\d+)\D.*(\d\d:\d\d)\s*$/);
  if (!shown || Number.isNaN(moment.getTime())) continue;
  const here = `${two(moment.getHours())}:${two(moment.getMinutes())}`;
  if (here === shown[2]) continue;
  const sameDay = Number(shown[1]) === moment.getDate();
  const day = sameDay ? "" : `${new Intl.DateTimeFormat(page.lang, { weekday: "short" }).format(moment)} `;
  const own = document.createElement("span");
  own.className = "zone";
  own.title = zone;
  own.textContent = `(${page.dataset.yourTime.replace("{time}", day + here)})`;
  const after = time.nextElementSibling?.classList.contains("zone") ? time.nextElementSibling : time;
  after.after(" ", own);
}
