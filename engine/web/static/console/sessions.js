/**
 * The list of sessions: live, upcoming and past.
 * @module
 */

import { sessionPath } from "../api.js";
import { h, setText, show } from "../dom.js";
import { dayAndTime, t } from "../i18n.js";
import { sumText } from "../plan-sum.js";
import { answerText } from "../refusals.js";
import { confirmBefore, neverMind } from "./confirmation.js";
import { editSession } from "./edit.js";
import { registrationsDialog } from "./registrations.js";
import { oftenText } from "./repeat.js";
import { shareDialog } from "./share.js";
import { nextWeek, nextWeekNote, skippedNote, studioZone } from "./wall-clock.js";

const PAST_SHOWN = 20;

/** @param {any} desk */
export function sessionsScreen(desk) {
  const list = h("div", { class: "list", "aria-busy": "true" }, h("p", { class: "quiet" }, t("console.loading")));
  const problem = h("p", { class: "error", role: "alert" });
  const note = h("p", { class: "note", role: "status" });
  const element = h(
    "section",
    { class: "screen console" },
    h("header", { class: "bar" }, h("h1", {}, t("sessions.title")), h("button", { type: "button", onclick: () => desk.turn("techniques") }, t("own.title")), h("button", { type: "button", onclick: () => desk.turn("team") }, t("sessions.team")), h("button", { type: "button", onclick: desk.signOut }, t("sessions.sign_out"))),
    h("button", { class: "primary wide", type: "button", onclick: () => desk.turn("schedule") }, t("sessions.new")),
    problem,
    note,
    list,
  );

  const load = async () => {
    const [open, past, series] = await Promise.all([
      desk.ask("GET", "/sessions?phase=scheduled,waiting,live,ending&limit=500"),
      desk.ask("GET", "/sessions?phase=ended,published,cancelled&limit=500"),
      desk.ask("GET", "/series"),
    ]);
    list.removeAttribute("aria-busy");
    if (open.status === 401 || open.status === 403) return desk.turn("sign_in", { refused: true });
    if (!open.ok || !past.ok) return show(list, h("p", {}, t("console.offline")), h("button", { type: "button", onclick: load }, t("trouble.again")));
    const at = (session) => Date.parse(session.scheduled_start);
    const running = open.data.sessions.filter((session) => session.phase === "live" || session.phase === "ending");
    const waiting = open.data.sessions.filter((session) => !running.includes(session)).sort((a, b) => at(a) - at(b));
    // Of a series the next one; the others stand on its own screen.
    const coming = waiting.filter((session, index) => !session.series_id || waiting.findIndex((other) => other.series_id === session.series_id) === index);
    const repeated = series.ok ? series.data.series.filter((each) => each.status === "active") : [];
    const gone = past.data.sessions.sort((a, b) => at(b) - at(a)).slice(0, PAST_SHOWN);
    if (running.length + coming.length + gone.length + repeated.length === 0) return show(list, h("p", { class: "lead" }, t("sessions.none")));
    return show(list, ...group("sessions.live", running), ...group("sessions.coming", coming), ...group("sessions.series", repeated, seriesCard), ...group("sessions.past", gone));
  };
  const group = (key, sessions, each = card) => (sessions.length ? [h("h2", { class: "group" }, t(key)), ...sessions.map(each)] : []);
  const seriesCard = (series) =>
    h(
      "article",
      { class: "card", "data-series": series.series_id },
      h("h3", { tabindex: "-1" }, series.title),
      h("p", { class: "quiet" }, `${oftenText(series)} · ${series.instructor}`),
      h("div", { class: "actions" }, h("button", { type: "button", onclick: () => desk.turn("series", { seriesId: series.series_id }) }, t("sessions.series_open"))),
    );

  /** Rebuild the list; the focus returns to the card that was acted on. */
  const act = async (session, method, path, body) => {
    const answer = await desk.ask(method, path, body);
    setText(problem, answer.ok ? "" : answerText(answer, t("console.offline")));
    setText(note, "");
    if (!answer.ok) return problem.scrollIntoView({ block: "nearest" });
    await load();
    list.querySelector(`[data-session="${CSS.escape(session.session_id)}"] h3`)?.focus();
    if (Date.parse(body?.scheduled_start) < Date.now()) setText(note, t("warning.past"));
    return undefined;
  };
  const saved = async (/** @type {string[]} */ warnings) => (await load(), setText(note, warnings.join(" ")));
  const copy = (session, start) => {
    const zone = studioZone();
    return desk.turn("schedule", { like: session, start: nextWeek(start, zone), note: nextWeekNote(start, zone) });
  };
  const card = (session) => {
    const start = Date.parse(session.scheduled_start);
    const path = sessionPath(session.session_id);
    const over = ["ended", "published", "cancelled"].includes(session.phase);
    const open = () => desk.turn(over ? "desk" : "room", { sessionId: session.session_id });
    const moving = h("div", { class: "inline-form", hidden: true });
    return h(
      "article",
      { class: "card", "data-session": session.session_id },
      h("h3", { tabindex: "-1" }, session.title),
      h("p", { class: "quiet" }, `${dayAndTime(start)} · ${session.instructor} · ${t(session.withdrawn_at ? "phase.withdrawn" : `phase.${session.phase}`)}${planSum(session.techniques)}`),
      h(
        "div",
        { class: "actions" },
        session.phase === "cancelled" ? null : h("button", { type: "button", class: over ? "" : "primary", onclick: open }, t(over ? "sessions.desk" : "sessions.open")),
        over ? null : h("button", { type: "button", onclick: () => shareDialog(desk, session.session_id) }, t("sessions.share")),
        session.phase === "cancelled" ? null : h("button", { type: "button", onclick: () => registrationsDialog(desk, session.session_id) }, t("sessions.who_comes")),
        over ? null : h("button", { type: "button", onclick: () => editSession(desk, session.session_id, saved) }, t("edit.change")),
        h("button", { type: "button", onclick: () => copy(session, start) }, t("sessions.next_week")),
        over || session.phase === "live"
          ? null
          : h("button", { type: "button", onclick: (event) => move(moving, event.currentTarget, session, (body) => act(session, "PATCH", path, body)) }, t("sessions.move")),
        over || session.phase === "live"
          ? null
          : h("button", { type: "button", class: "danger", onclick: (event) => cancel(moving, event.currentTarget, () => act(session, "POST", `${path}/cancel`)) }, t("sessions.cancel")),
      ),
      moving,
    );
  };
  // A page that the browser kept for "Back" has the list of then; what is being filled in stays.
  const restored = (/** @type {PageTransitionEvent} */ event) => event.persisted && !list.querySelector(".inline-form:not([hidden])") && load();
  addEventListener("pageshow", restored);
  load();
  return { element, close: () => removeEventListener("pageshow", restored) };
}

/** The sum of a plan, after a separator; empty without one. @param {{duration?: number | null}[]} plan */
function planSum(plan) {
  const words = sumText(plan);
  return words && ` · ${words}`;
}

/** The inline form that moves a session to another time. */
function move(place, from, session, save) {
  const input = h("input", { type: "datetime-local", required: true, value: localInput(Date.parse(session.scheduled_start)), id: `move-${session.session_id}` });
  const note = h("p", { class: "note", role: "status" });
  input.addEventListener("input", () => setText(note, skippedNote(input.value)));
  place.hidden = false;
  show(
    place,
    h("label", { for: input.id }, t("schedule.start")),
    input,
    note,
    h("button", { type: "button", class: "primary", onclick: () => input.value && save({ scheduled_start: new Date(input.value).toISOString() }) }, t("sessions.move_save")),
    neverMind(place, from),
  );
  input.focus();
}

function cancel(place, from, go) {
  confirmBefore(place, from, { question: t("sessions.cancel_sure"), yes: t("sessions.cancel_yes") }, go);
}

/** The value of a `datetime-local` field, in this device's time zone. @param {number} millis */
export function localInput(millis) {
  const local = new Date(millis - new Date(millis).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}
