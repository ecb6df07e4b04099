/**
 * Times in the reader's own zone, each with the zone's name.
 *
 * `data-local="own"`: instead of the studio's time. Otherwise beside it, where it differs; with its day where that
 * differs too.
 */
const page = document.documentElement;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** Zones have their names by region: CET is GMT+1 in American English. */
const region = navigator.languages.find((tag) => tag.startsWith(page.lang)) ?? page.lang;
const language = page.lang === "en" ? "en-GB" : page.lang;

/** @param {number} number */
const two = (number) => String(number).padStart(2, "0");
/** @param {Date} moment */
const timeOf = (moment) => `${two(moment.getHours())}:${two(moment.getMinutes())}`;
/** @param {Date} moment @param {Intl.DateTimeFormatOptions} options */
const format = (moment, options) => new Intl.DateTimeFormat(language, options).format(moment);
/** @param {Date} moment */
const dayOf = (moment) =>
  `${format(moment, { weekday: "long" })}, ${format(moment, { day: "numeric", month: "long", year: "numeric" })}`;
/** @param {Date} moment */
const zoneOf = (moment) =>
  new Intl.DateTimeFormat(region, { timeZoneName: "short" }).formatToParts(moment).find((part) => part.type === "timeZoneName")?.value ?? zone;
/** @param {Element} time */
const zoneBeside = (time) => (time.nextElementSibling?.classList.contains("zone") ? time.nextElementSibling : null);

let lastDay = "";
for (const time of document.querySelectorAll("time[data-local]")) {
  const moment = new Date(time.dateTime);
  if (Number.isNaN(moment.getTime())) continue;
  const here = timeOf(moment);
  if (time.dataset.local === "own") {
    const day = dayOf(moment);
    // The day once, and again where it is another.
    time.textContent = day === lastDay ? here : time.dataset.when.replace("{day}", day).replace("{time}", here);
    lastDay = day;
    const beside = zoneBeside(time);
    if (beside) beside.textContent = zoneOf(moment);
    continue;
  }
  const shown = time.textContent.match(/(\d+)\D.*(\d\d:\d\d)\s*$/);
  if (!shown || here === shown[2]) continue;
  const sameDay = Number(shown[1]) === moment.getDate();
  const day = sameDay ? "" : `${format(moment, { weekday: "short" })} `;
  const own = document.createElement("span");
  own.className = "zone";
  own.title = zone;
  own.textContent = `(${page.dataset.yourTime.replace("{time}", `${day}${here} ${zoneOf(moment)}`)})`;
  (zoneBeside(time) ?? time).after(" ", own);
}

/** A longer wait than this is no timer of a browser, nor of a page that somebody has left open. */
const A_DAY_MS = 86_400_000;
for (const line of document.querySelectorAll("[data-until]")) {
  const left = Date.parse(line.dataset.until) - Date.now();
  if (left < A_DAY_MS) setTimeout(() => (line.textContent = line.dataset.then), Math.max(0, left));
}
