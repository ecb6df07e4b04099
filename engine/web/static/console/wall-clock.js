/**
 * Local times over a change of clocks: the same time next week, and hours that do not exist.
 * @module
 */

import { t } from "../i18n.js";

const DAY_MS = 24 * 3600 * 1000;

/** The studio's time zone; undefined, which is this device's, where the studio has stated none. */
export function studioZone() {
  return document.documentElement.dataset.zone;
}

/**
 * The same time of day a week later in a zone. A time that the clocks skip moves forward by the gap, one that comes
 * twice is the first.
 * @param {number} start @param {string} [zone] IANA name
 */
export function nextWeek(start, zone) {
  const wall = wallClock(start, zone) + 7 * DAY_MS;
  const [before, after] = [wall - DAY_MS, wall + DAY_MS].map((millis) => wallClock(millis, zone) - millis);
  const real = [wall - before, wall - after].filter((millis) => wallClock(millis, zone) === wall);
  return real.length ? Math.min(...real) : wall - before;
}

/**
 * What to say of the time a week later when it is another one by the clock; empty when it is the same.
 * @param {number} start @param {string} [zone]
 */
export function nextWeekNote(start, zone) {
  const [asked, found] = [start, nextWeek(start, zone)].map((millis) => timeOf(wallClock(millis, zone)));
  return asked === found ? "" : t("schedule.skipped", { asked, found });
}

/** What to say of a value of a `datetime-local` field that does not exist here; empty when it does. @param {string} value */
export function skippedNote(value) {
  const millis = Date.parse(value);
  if (Number.isNaN(millis)) return "";
  const [asked, found] = [value.slice(11, 16), timeOf(wallClock(millis))];
  return asked === found ? "" : t("schedule.skipped", { asked, found });
}

/** What the clock shows at a moment, as the UTC time that reads the same. @param {number} millis @param {string} [zone] */
function wallClock(millis, zone) {
  /** @type {Record<string, number>} */
  const parts = {};
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  });
  for (const { type, value } of format.formatToParts(millis)) parts[type] = Number(value);
  return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
}

/** What the clock shows at a moment in a zone: `2026-12-03T18:30`. @param {number} millis @param {string} [zone] */
export function localIn(millis, zone) {
  return new Date(wallClock(millis, zone)).toISOString().slice(0, 16);
}

/** @param {number} wall */
function timeOf(wall) {
  return new Date(wall).toISOString().slice(11, 16);
}
