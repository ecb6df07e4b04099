/**
 * The dialogs that change a session or a series. Of a series' session one says whether all that follow change with it.
 * @module
 */

import { sessionPath } from "../api.js";
import { h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { answerText, warningText } from "../refusals.js";
import { repeatFields } from "./repeat.js";
import { changed, field, sessionFields } from "./session-form.js";
import { movedSeries } from "./moved-series.js";
import { localInput } from "./sessions.js";
import { localIn, skippedNote } from "./wall-clock.js";

/** Fields that a live session takes. */
const WHEN_LIVE = ["title", "description", "techniques", "max_participants", "listen_url"];

/**
 * Change a session; `done` is called with the server's warnings once it is saved.
 * @param {any} desk
 * @param {string} sessionId
 * @param {(warnings: string[]) => void} done
 */
export async function editSession(desk, sessionId, done) {
  const answer = await desk.ask("GET", sessionPath(sessionId));
  if (!answer.ok) return dialogOf([h("p", { class: "error" }, answerText(answer, t("console.offline")))], null);
  const session = answer.data;
  const live = session.phase === "live";
  const fields = sessionFields(session, { live });
  const start = Date.parse(session.scheduled_start);
  const when = field("start", "datetime-local", localInput(start), { required: true });
  const clocks = h("p", { class: "note", role: "status" });
  when.element.hidden = live;
  const series = session.series_id && !live && !desk.onlySession ? (await desk.ask("GET", `/series/${encodeURIComponent(session.series_id)}`)).data : null;
  // Dates that are not made yet cannot stay as they are: from one behind them on a series does not change.
  const notMade = series?.occurrences.some((/** @type {any} */ each) => !each.made && Date.parse(each.scheduled_start) < start);
  const scope = series && !notMade ? scopeChoice(series.sessions?.[0]?.session_id === sessionId) : null;
  const before = { ...fields.value(), start: when.input.value };
  const noteDay = () => {
    const to = Date.parse(when.input.value);
    const otherDay = scope?.all() && to && localIn(to, series.timezone).slice(0, 10) !== localIn(start, series.timezone).slice(0, 10);
    setText(clocks, [skippedNote(when.input.value), otherDay ? t("edit.moves_day") : ""].filter(Boolean).join(" "));
  };
  for (const each of [when.element, scope?.element]) each?.addEventListener("input", noteDay);
  const save = async () => {
    const { start: moved, ...changes } = changed(before, { ...fields.value(), start: when.input.value });
    if (scope?.all()) {
      const timetable = moved ? movedSeries(series, start, Date.parse(moved)) : {};
      // One that was changed by itself stays on its day.
      if (!timetable || ("rule" in timetable && session.changed_alone)) return { refused: t("edit.other_day") };
      const all = { ...changes, ...timetable };
      if (!Object.keys(all).length) return null;
      const answer = await desk.ask("PATCH", `/series/${encodeURIComponent(session.series_id)}`, { ...all, since: sessionId });
      // One that was changed by itself does not follow its series.
      if (!answer.ok || !session.changed_alone) return answer;
    }
    const body = { ...changes, ...(moved ? { scheduled_start: new Date(moved).toISOString() } : {}) };
    const taken = live ? Object.fromEntries(Object.entries(body).filter(([name]) => WHEN_LIVE.includes(name))) : body;
    return Object.keys(taken).length ? desk.ask("PATCH", sessionPath(sessionId), taken) : null;
  };
  return formDialog(t("edit.title"), [...(scope ? [scope.element] : []), ...fields.first, when.element, clocks, ...fields.rest], fields.advise, save, done);
}

/**
 * Change a series and all of its sessions that have not begun and were not changed alone.
 * @param {any} desk
 * @param {any} series as the API shows it
 * @param {(warnings: string[]) => void} done
 */
export function editSeries(desk, series, done) {
  const fields = sessionFields(series);
  const when = field("start", "datetime-local", series.starts, { required: true });
  setText(when.element.querySelector("label"), t("series.starts"));
  const repeat = repeatFields(series, { start: () => when.input.value });
  const value = () => ({ ...fields.value(), starts: when.input.value.slice(0, 16), ...repeat.value() });
  const before = value();
  const save = async () => {
    const changes = changed(before, value());
    return Object.keys(changes).length ? desk.ask("PATCH", `/series/${encodeURIComponent(series.series_id)}`, changes) : null;
  };
  const note = h("p", { class: "quiet" }, t("edit.series_note"));
  return formDialog(t("edit.series"), [note, ...fields.first, when.element, repeat.element, ...fields.rest], fields.advise, save, done);
}

/** The choice between one session and all of its series from there on. @param {boolean} isNext whether it is the first that is to come */
function scopeChoice(isNext) {
  const option = (value, words, checked) => {
    const input = h("input", { type: "radio", name: "scope", id: `scope-${value}`, value, checked });
    return { input, element: h("label", { class: "check", for: input.id }, input, h("span", {}, words)) };
  };
  const one = option("one", t("edit.this_one"), true);
  const all = option("all", t("edit.all_following"), false);
  const kept = isNext ? null : h("p", { class: "quiet" }, t("edit.before_stay"));
  return {
    element: h("fieldset", { class: "plan-field" }, h("legend", {}, t("edit.scope")), one.element, all.element, kept),
    all: () => all.input.checked,
  };
}

/**
 * @param {string} title
 * @param {Element[]} fields
 * @param {() => void} advise
 * @param {() => Promise<any>} save null where nothing changed
 * @param {(warnings: string[]) => void} done
 */
function formDialog(title, fields, advise, save, done) {
  const errors = h("div", { class: "error", role: "alert", tabindex: "-1" });
  const submit = async () => {
    const answer = await save();
    if (answer && !answer.ok) {
      setText(errors, answer.refused ?? answerText(answer, t("console.offline")));
      return errors.focus();
    }
    dialog.close();
    return done((answer?.data?.warnings ?? []).map(warningText));
  };
  const form = h(
    "form",
    { class: "form", onsubmit: (event) => (event.preventDefault(), submit()), oninput: advise },
    ...fields,
    errors,
    h("div", { class: "actions" }, h("button", { class: "primary", type: "submit" }, t("edit.save")), h("button", { type: "button", onclick: () => dialog.close() }, t("console.never_mind"))),
  );
  const dialog = dialogOf([h("h2", { id: "edit-title" }, title), form], "edit-title");
  return dialog;
}

/** @param {Element[]} parts @param {string | null} labelledBy */
function dialogOf(parts, labelledBy) {
  const close = labelledBy ? null : h("button", { type: "button", class: "wide", onclick: () => dialog.close() }, t("console.close"));
  const dialog = h("dialog", { class: "stop-dialog edit-dialog", ...(labelledBy ? { "aria-labelledby": labelledBy } : {}), onclose: () => dialog.remove() }, ...parts, close);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
