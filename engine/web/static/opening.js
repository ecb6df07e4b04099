/**
 * When a room opens, in words.
 * @module
 */

import { dateTime, t, timeWithZone } from "./i18n.js";

/** The hour; of another day the day as well, or it would be taken for today's. @param {number} at @param {number} now */
export function opensText(at, now) {
  const time = timeWithZone(at);
  const day = (/** @type {number} */ millis) => dateTime(millis, { dateStyle: "short" });
  return day(at) === day(now) ? t("waiting.opens", { time }) : t("waiting.opens_on", { date: dateTime(at), time });
}
