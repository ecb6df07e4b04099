/**
 * The text that says when a room opens.
 * @module
 */

import { dateTime, t, timeWithZone } from "./i18n.js";

/** The time, with the date unless it is today; that it is due once the time has passed. @param {number} at @param {number} now */
export function opensText(at, now) {
  if (at <= now) return t("waiting.opens_now");
  const time = timeWithZone(at);
  const day = (/** @type {number} */ millis) => dateTime(millis, { dateStyle: "short" });
  return day(at) === day(now) ? t("waiting.opens", { time }) : t("waiting.opens_on", { date: dateTime(at), time });
}
