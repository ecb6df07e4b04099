/**
 * The console's screen of one series: its dates, its links, and the ways to change and to end it.
 * @module
 */

import { sessionPath } from "../api.js";
import { h, setText, show } from "../dom.js";
import { dateTime, number, t, timeWithZone } from "../i18n.js";
import { answerText, warningText } from "../refusals.js";
import { confirmBefore } from "./confirmation.js";
import { editSeries, editSession } from "./edit.js";
import { registrationsDialog } from "./registrations.js";
import { oftenText } from "./repeat.js";
import { linkRow, shareDialog } from "./share.js";
import { downloadTable } from "./table-file.js";

/** So many dates are shown at first, and so many more each time that later ones are asked for. */
const DATES_SHOWN = 20;

/**
 * @param {any} desk
 * @param {{seriesId: string, warnings?: string[]}} detail `warnings` of a series that was just made
 */
export function seriesScreen(desk, { seriesId, warnings = [] }) {
  const path = `/series/${encodeURIComponent(seriesId)}`;
  const title = h("h1", {}, t("console.loading"));
  const often = h("p", { class: "quiet facts" });
  const problem = h("p", { class: "error", role: "alert" });
  const notes = h("div", { role: "status" });
  const actions = h("div", { class: "actions" });
  const dates = h("div", {});
  const past = h("div", {});
  const links = h("div", {});
  const sure = h("div", { class: "inline-form", hidden: true });
  const note = (/** @type {string[]} */ words) => show(notes, ...words.map((text) => h("p", { class: "note" }, text)));
  let shown = DATES_SHOWN;
  const load = async () => {
    const answer = await desk.ask("GET", path);
    setText(problem, answer.ok ? "" : answerText(answer, t("console.offline")));
    if (!answer.ok) return;
    const series = answer.data;
    setText(title, series.title);
    document.title = series.title;
    setText(often, `${oftenText(series)} · ${series.instructor}`);
    const over = series.status === "ended";
    const end = h("button", { type: "button", class: "danger", onclick: () => ask(end) }, t("series.end"));
    show(
      actions,
      over ? h("p", { class: "quiet" }, t("series.ended")) : h("button", { type: "button", class: "primary", onclick: () => editSeries(desk, series, saved) }, t("series.change")),
      over ? null : end,
    );
    const coming = series.occurrences.slice(0, shown);
    const later = h("button", { type: "button", onclick: () => showLater() }, t("series.later"));
    show(
      dates,
      h("h2", { class: "group" }, t("series.dates")),
      coming.length ? h("ol", { class: "people" }, ...coming.map(date)) : null,
      series.occurrences.length > shown ? later : null,
      coming.every((/** @type {any} */ occurrence) => occurrence.status === "cancelled") ? h("p", {}, t("series.none")) : null,
    );
    await came();
    const { join, page, calendar } = series.urls;
    show(links, h("h2", { class: "group" }, t("series.links")), linkRow(t("series.join"), join), linkRow(t("series.page"), page), linkRow(t("series.calendar"), calendar));
  };
  const showLater = async () => {
    const before = shown;
    shown += DATES_SHOWN;
    await load();
    dates.querySelectorAll("[data-session] b")[before]?.focus();
  };
  /** The sessions that were held, the newest first: who came of those who had said so. */
  const came = async () => {
    const answer = await desk.ask("GET", `${path}/attendance`);
    const held = answer.ok ? answer.data.sessions.slice(-DATES_SHOWN).reverse() : [];
    const download = async () => setText(problem, (await downloadTable(desk, `${path}/attendance`, `attendance-${seriesId}.csv`)) ? "" : t("console.offline"));
    show(
      past,
      held.length ? h("h2", { class: "group" }, t("series.came_title")) : null,
      held.length ? h("ol", { class: "people" }, ...held.map(heldDate)) : null,
      held.length ? h("button", { type: "button", onclick: download }, t("figures.attendance_csv")) : null,
    );
  };
  const saved = async (/** @type {string[]} */ words) => (await load(), note(words));
  const date = (occurrence) => {
    const at = Date.parse(occurrence.scheduled_start);
    const toCome = !occurrence.made || occurrence.status === "scheduled" || occurrence.status === "waiting";
    const open = toCome || occurrence.status === "live";
    const change = async () => {
      const sessionId = await made(occurrence);
      if (sessionId) editSession(desk, sessionId, saved);
    };
    const sureOfOne = h("div", { class: "inline-form", hidden: true });
    const one = (/** @type {string} */ name, /** @type {string} */ words, /** @type {(event: any) => unknown} */ onclick, kind = "small") =>
      h("button", { type: "button", class: kind, "aria-label": t(name, { date: dateTime(at) }), onclick }, t(words));
    return h(
      "li",
      { "data-session": occurrence.session_id },
      h("span", {}, h("b", { tabindex: "-1" }, dateTime(at)), ` ${timeWithZone(at)} · `, h("span", { class: "quiet" }, t(occurrence.made ? `phase.${occurrence.status}` : "series.not_made"))),
      open
        ? h(
            "span",
            { class: "person-actions" },
            ...(occurrence.made
              ? [
                  one("series.open_named", "sessions.open", () => desk.turn("room", { sessionId: occurrence.session_id })),
                  one("series.who_named", "sessions.who_comes", () => registrationsDialog(desk, occurrence.session_id)),
                  one("series.share_named", "sessions.share", () => shareDialog(desk, occurrence.session_id)),
                ]
              : []),
            one("series.change_named", "edit.change", change),
            toCome ? one("series.cancel_named", "sessions.cancel", (event) => askOfOne(sureOfOne, event.currentTarget, occurrence), "small danger") : null,
          )
        : null,
      sureOfOne,
    );
  };
  /** The id of a date's session, which is made where it is not yet; null where it cannot be. @param {any} occurrence */
  const made = async (occurrence) => {
    if (occurrence.made) return occurrence.session_id;
    // Its id is the series' with the local date behind it.
    const date = occurrence.session_id.slice(seriesId.length + 1, seriesId.length + 11);
    const answer = await desk.ask("POST", `${path}/sessions`, { date });
    setText(problem, answer.ok ? "" : answerText(answer, t("console.offline")));
    // Another one, where somebody took the id that was foreseen.
    return answer.ok ? answer.data.session_id : null;
  };
  /** Ask for confirmation before one date is cancelled; the others stay. @param {any} place @param {any} from @param {any} occurrence */
  const askOfOne = (place, from, occurrence) =>
    confirmBefore(place, from, { question: t("sessions.cancel_sure"), yes: t("sessions.cancel_yes") }, async () => {
      const sessionId = await made(occurrence);
      if (!sessionId) return;
      const answer = await desk.ask("POST", `${sessionPath(sessionId)}/cancel`);
      await load();
      if (!answer.ok) setText(problem, answerText(answer, t("console.offline")));
      dates.querySelector(`[data-session="${CSS.escape(sessionId)}"] b`)?.focus();
    });
  /** Ask for confirmation before everything to come is cancelled. @param {any} from */
  const ask = (from) => confirmBefore(sure, from, { question: t("series.end_sure"), yes: t("series.end_yes") }, end);
  const end = async () => {
    const answer = await desk.ask("POST", `${path}/end`);
    if (!answer.ok) return setText(problem, answerText(answer, t("console.offline")));
    await load();
    return title.focus();
  };
  const element = h(
    "section",
    { class: "screen console" },
    h("header", { class: "bar" }, title, h("button", { type: "button", onclick: () => desk.turn("sessions") }, t("console.back"))),
    often,
    problem,
    notes,
    actions,
    sure,
    dates,
    past,
    links,
  );
  note(warnings.map(warningText));
  load();
  return { element };
}

/** A session that was held: its date, how many came, and how it was rated. @param {any} session */
function heldDate(session) {
  const rated = session.average_rating === null ? "" : ` · ${t("series.rated", { mean: number(session.average_rating, { maximumFractionDigits: 1 }) })}`;
  const day = dateTime(Date.parse(session.scheduled_start), { day: "numeric", month: "long", year: "numeric" });
  // Past retention it is not known any more who had said so.
  const came = t(session.registered === null ? "series.came_alone" : "series.came", { count: session.came, registered: session.registered });
  return h("li", {}, h("b", {}, day), h("span", { class: "quiet" }, `${came}${rated}`));
}
