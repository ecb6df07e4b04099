/**
 * How a series goes on where one of its sessions moves, and all that follow move with it.
 * @module
 */

import { dayCode, ruleParts, weekdayOfMonth } from "./repeat.js";
import { localIn } from "./wall-clock.js";

const DAY_MS = 86_400_000;

/**
 * The changes of a series whose session at `from` moves to `to`, with all that follow; null where its rule cannot say the new
 * day, or a date that stays as it is lies between.
 * @param {any} series as the API shows it
 * @param {number} from @param {number} to
 * @returns {{starts: string, rule?: string} | null}
 */
export function movedSeries(series, from, to) {
  const [before, after] = [from, to].map((millis) => localIn(millis, series.timezone));
  if (before.slice(0, 10) === after.slice(0, 10)) return { starts: `${series.starts.slice(0, 10)}T${after.slice(11)}` };
  /** Whether an earlier date, which stays, would be after the new day, or on it. */
  const isPassed = (/** @type {any} */ each) => {
    const at = Date.parse(each.scheduled_start);
    return at < from && localIn(at, series.timezone).slice(0, 10) >= after.slice(0, 10);
  };
  const parts = ruleParts(series.rule);
  const days = movedDays(parts, before, after);
  if (days === null || series.occurrences.some(isPassed)) return null;
  // What is left of a number of times; a last day moves as the others do.
  const left = series.occurrences.filter((/** @type {any} */ each) => Date.parse(each.scheduled_start) >= from).length;
  const by = noon(after) - noon(before);
  const others = parts.FREQ === "WEEKLY" ? days.split(",").filter((day) => day && day !== dayCode(after)) : [];
  const changed = {
    ...parts,
    ...(days ? { BYDAY: days } : {}),
    ...(parts.COUNT ? { COUNT: String(left) } : {}),
    // The other days of the week keep their last date.
    ...(parts.UNTIL && (by > 0 || !others.length) ? { UNTIL: movedBy(parts.UNTIL, by) } : {}),
  };
  return { starts: firstOf(others, before, after), rule: Object.entries(changed).map((part) => part.join("=")).join(";") };
}

/**
 * `BYDAY` once a day became another; empty where the rule has none, null where that day is none of the rule's alone.
 * @param {Record<string, string>} parts @param {string} before @param {string} after local times
 */
function movedDays({ FREQ, INTERVAL, BYDAY }, before, after) {
  if (FREQ === "DAILY") return BYDAY || (INTERVAL ?? "1") === "1" ? null : "";
  if (!BYDAY) return "";
  const days = BYDAY.split(",");
  if (FREQ === "MONTHLY") return days.length === 1 && /^-?\d/.test(BYDAY) ? weekdayOfMonth(after) : null;
  const [old, now] = [dayCode(before), dayCode(after)];
  if (!days.includes(old) || (now !== old && days.includes(now))) return null;
  // The other days of the week stay in their weeks.
  if (days.length > 1 && (Math.abs(noon(after) - noon(before)) >= 7 * DAY_MS || (Number(INTERVAL ?? 1) > 1 && weekOf(before) !== weekOf(after)))) return null;
  return days.map((day) => (day === old ? now : day)).join(",");
}

/** The first date from a moved one on: it may have moved beyond one of the other days. @param {string[]} others @param {string} before @param {string} after */
function firstOf(others, before, after) {
  for (let day = noon(before) + DAY_MS; day < noon(after); day += DAY_MS) {
    const date = new Date(day).toISOString().slice(0, 10);
    if (others.includes(dayCode(date))) return date + after.slice(10);
  }
  return after;
}

/** A number for the week of a local day, which begins on Monday. @param {string} local */
function weekOf(local) {
  // The first day of all, 1970-01-01, was a Thursday.
  return Math.floor((noon(local) / DAY_MS + 3) / 7);
}

/** A last day or instant of a rule, so many milliseconds later, in whole days. @param {string} until @param {number} by */
function movedBy(until, by) {
  const day = Date.UTC(Number(until.slice(0, 4)), Number(until.slice(4, 6)) - 1, Number(until.slice(6, 8)));
  return new Date(day + Math.round(by / DAY_MS) * DAY_MS).toISOString().slice(0, 10).replaceAll("-", "") + until.slice(8);
}

/** Noon of a local day, as if it were in UTC. @param {string} local */
function noon(local) {
  return Date.parse(`${local.slice(0, 10)}T12:00:00Z`);
}
