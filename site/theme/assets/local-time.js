/**
 * Beside each time in the studio's zone, the reader's own, where it differs.
 */
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** @param {Date} moment @param {string} language */
export function told(moment, language) {
  return new Intl.DateTimeFormat(language, { weekday: "short", hour: "2-digit", minute: "2-digit" }).format(moment);
}

for (const time of document.querySelectorAll("time[data-local]")) {
  const moment = new Date(time.dateTime);
  const shown = time.textContent.match(/(\d\d):(\d\d)\s*$/);
  if (!shown || Number.isNaN(moment.getTime())) continue;
  const here = `${String(moment.getHours()).padStart(2, "0")}:${String(moment.getMinutes()).padStart(2, "0")}`;
  if (here === `${shown[1]}:${shown[2]}`) continue;
  const own = document.createElement("span");
  own.className = "zone";
  own.title = zone;
  own.textContent = ` (${told(moment, navigator.language)} for you)`;
  const after = time.nextElementSibling?.classList.contains("zone") ? time.nextElementSibling : time;
  after.after(own);
}
