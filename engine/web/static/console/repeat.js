/**
 * The fields that say how a series repeats: how often, until when, how long, in which time zone.
 * @module
 */

import { h, setText } from "../dom.js";
import { dateTime, t } from "../i18n.js";
import { field, select } from "./session-form.js";
import { studioZone } from "./wall-clock.js";

const SIMPLE = /** @type {Record<string, string>} */ ({
  daily: "FREQ=DAILY", weekly: "FREQ=WEEKLY", fortnightly: "FREQ=WEEKLY;INTERVAL=2", monthly: "FREQ=MONTHLY",
});
const DAYS = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
/** In the order in which they are shown. */
const WEEK = [...DAYS.slice(1), "SU"];

/** The series' time zone where none is chosen: the studio's, else this device's. */
export function usualZone() {
  return studioZone() ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/**
 * @param {any} series as the API shows it, or nothing
 * @param {{once?: boolean, start: () => string}} options `once`: it may also take place one time only; `start`: the local
 *   start, `2026-12-03T18:30`
 */
export function repeatFields(series, { once = false, start }) {
  const parts = ruleParts(series?.rule ?? "");
  const often = select("often", [...(once ? ["once"] : []), ...Object.keys(SIMPLE), "monthly_day", "own"], series ? kindOf(parts) : once ? "once" : "weekly");
  const chosen = weekDays(parts);
  const boxes = WEEK.map((day) => h("input", { type: "checkbox", id: `f-day-${day}`, value: day, checked: chosen.includes(day) }));
  const days = h(
    "fieldset",
    { class: "plan-field" },
    h("legend", {}, t("schedule.days")),
    h("div", { class: "week-days" }, ...boxes.map((box) => h("label", { class: "check", for: box.id }, box, h("span", {}, dayName(box.value))))),
    h("p", { class: "quiet" }, t("schedule.days_note")),
  );
  const ends = select("ends", ["never", "count", "until"], parts.COUNT ? "count" : parts.UNTIL ? "until" : "never");
  const count = field("count", "number", parts.COUNT ?? "10", { min: "1", max: "500", required: true });
  const until = field("until", "date", dateOf(parts.UNTIL), { required: true });
  const own = field("own_rule", "text", ownRule(parts), { maxlength: "300", required: true, placeholder: "FREQ=WEEKLY;BYDAY=TU,TH" });
  const minutes = field("minutes", "number", String(series?.duration_minutes ?? 30), { min: "1", max: "120", required: true });
  const zone = field("zone", "text", series?.timezone ?? usualZone(), { required: true, list: "zone-names" });
  const note = h("p", { class: "quiet", role: "status" });
  const names = h("datalist", { id: "zone-names" }, ...Intl.supportedValuesOf("timeZone").map((name) => h("option", { value: name })));
  const more = h("div", { class: "form" }, days, own.element, ends.element, count.element, until.element, minutes.element, zone.element, note, names);
  const repeats = () => often.input.value !== "once";
  const fill = () => {
    more.hidden = !repeats();
    days.hidden = !SIMPLE[often.input.value]?.startsWith("FREQ=WEEKLY");
    own.element.hidden = often.input.value !== "own";
    count.element.hidden = ends.input.value !== "count";
    until.element.hidden = ends.input.value !== "until";
    // What is not shown is not asked for.
    for (const each of [own, count, until, minutes, zone]) each.input.disabled = more.hidden || each.element.hidden;
    setText(note, t("series.clock", { zone: zone.input.value }));
  };
  // A last Friday may be a fourth one too: as long as the first date stays, the series has the day that it had.
  const dayOfMonth = () => (kindOf(parts) === "monthly_day" && start().slice(0, 10) === series.starts.slice(0, 10) ? parts.BYDAY : weekdayOfMonth(start()));
  const rule = () => {
    const kind = often.input.value;
    const base = kind === "own" ? own.input.value.trim() : kind === "monthly_day" ? `FREQ=MONTHLY;BYDAY=${dayOfMonth()}` : SIMPLE[kind];
    const named = days.hidden ? [] : boxes.filter((box) => box.checked).map((box) => box.value);
    const on = named.length ? `;BYDAY=${named.join(",")}` : "";
    const last = until.input.value === dateOf(parts.UNTIL) ? parts.UNTIL : until.input.value.replaceAll("-", "");
    const end = { count: `;COUNT=${count.input.value}`, until: `;UNTIL=${last}` }[ends.input.value] ?? "";
    return base + on + end;
  };
  const element = h("div", { class: "form", oninput: fill }, often.element, more);
  fill();
  return {
    element,
    repeats,
    value: () => ({ rule: rule(), timezone: zone.input.value.trim(), duration_minutes: Number(minutes.input.value) }),
  };
}

/** How often a series takes place, in words. @param {any} series */
export function oftenText(series) {
  const parts = ruleParts(series.rule);
  const often = kindOf(parts);
  const words = often === "own" ? series.rule : t(`schedule.often.${often}`);
  const days = weekDays(parts).map(dayName).join(", ");
  return `${words}${days && ` · ${days}`}, ${series.starts.slice(11)} (${series.timezone})`;
}

/** The parts of a rule by their names, in their order. @param {string} rule @returns {Record<string, string>} */
export function ruleParts(rule) {
  return Object.fromEntries(rule.split(";").filter(Boolean).map((part) => part.split("=")));
}

/** @param {Record<string, string>} parts */
function kindOf(parts) {
  const rule = ownRule(weekDays(parts).length ? { ...parts, BYDAY: "" } : parts);
  const simple = Object.keys(SIMPLE).find((kind) => SIMPLE[kind] === rule);
  if (simple) return simple;
  return /^FREQ=MONTHLY;BYDAY=-?\d[A-Z]{2}$/.test(rule) ? "monthly_day" : "own";
}

/** The days of the week that a weekly rule names, in the order of the week. @param {Record<string, string>} parts */
function weekDays({ FREQ, BYDAY = "" }) {
  return FREQ === "WEEKLY" ? WEEK.filter((day) => BYDAY.split(",").includes(day)) : [];
}

/** The short name of a day of the week. @param {string} day `TH` */
function dayName(day) {
  // 1 January 2024 was a Monday.
  return dateTime(Date.UTC(2024, 0, 1 + WEEK.indexOf(day)), { weekday: "short", timeZone: "UTC" });
}

/** The rule without its end. @param {Record<string, string>} parts */
function ownRule({ FREQ, INTERVAL, BYDAY }) {
  return [FREQ && `FREQ=${FREQ}`, INTERVAL && INTERVAL !== "1" && `INTERVAL=${INTERVAL}`, BYDAY && `BYDAY=${BYDAY}`].filter(Boolean).join(";");
}

/** @param {string | undefined} until */
function dateOf(until) {
  return until ? `${until.slice(0, 4)}-${until.slice(4, 6)}-${until.slice(6, 8)}` : "";
}

/** Which weekday of its month a local start is: `1TH`; the fifth is the last. @param {string} start */
export function weekdayOfMonth(start) {
  const which = Math.ceil(Number(start.slice(8, 10)) / 7);
  return `${which > 4 ? -1 : which}${dayCode(start)}`;
}

/** The weekday of a local start, as rules write it: `TH`. @param {string} start */
export function dayCode(start) {
  return DAYS[new Date(`${start.slice(0, 10)}T12:00:00Z`).getUTCDay()];
}
