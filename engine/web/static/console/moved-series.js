/**
 * How a series goes on where one of its sessions moves, and all that follow move with it.
 * @module
 */

import { dayCode, ruleParts, weekdayOfMonth } from "./repeat.js";
import { localIn } from "./wall-clock.js";

const DAY_MS = 86_400_000;

/**
 * The changes of a series whose session at `from` moves to `to`, with all that follow; null where its rule cannot say the new day.
 * @param {any} series as the API shows it
 * @param {number} from @param {number} to
 * @returns {{starts: string, rule?: string} | null}
 */
export function movedSeries(series, from, to) {
  const [before, after] = [from, to].map((millis) => localIn(millis, series.timezone));
  if (before.slice(0, 10) === after.slice(0, 10)) return { starts: `${series.starts.slice(0, 10)}T${after.slice(11)}` };
  const parts = ruleParts(series.rule);
  const days = movedDays(parts, before, after);
  if (days === null) return null;
  // What is left of a number of times; a last day moves as the others do.
  const left = series.occurrences.filter((/** @type {any} */ each) => Date.parse(each.scheduled_start) >= from).length;
  const changed = {
    ...parts,
    ...(days ? { BYDAY: days } : {}),
    ...(parts.COUNT ? { COUNT: String(left) } : {}),
    ...(parts.UNTIL ? { UNTIL: movedBy(parts.UNTIL, noon(after) - noon(before)) } : {}),
  };
  return { starts: after, rule: Object.entries(changed).map((part) => part.join("=")).join(";") };
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
  return days.map((day) => (day === old ? now : day)).join(",");
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
