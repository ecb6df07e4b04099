/**
 * The form that schedules a new session, a copy of another, or a series.
 * @module
 */

import { h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { answerText } from "../refusals.js";
import { repeatFields } from "./repeat.js";
import { field, sessionFields } from "./session-form.js";
import { localInput } from "./sessions.js";
import { skippedNote } from "./wall-clock.js";

/** The proposed start: soon enough that the room opens at once. */
const SOON_MS = 8 * 60_000;

/**
 * @param {any} desk
 * @param {{like?: any, start?: number, note?: string} | undefined} detail a note on the proposed start
 */
export function scheduleScreen(desk, detail) {
  const like = detail?.like ?? {};
  const start = detail?.start ?? Math.ceil((Date.now() + SOON_MS) / 300_000) * 300_000;
  // Chat is off until the instructor switches it on, whatever it was in the session that this one is like.
  const fields = sessionFields({ ...like, instructor: like.instructor ?? lastInstructor(), chat: false });
  const when = field("start", "datetime-local", localInput(start), { required: true });
  const clocks = h("p", { class: "note", role: "status" }, detail?.note ?? "");
  const repeat = repeatFields(null, { once: true, start: () => when.input.value });
  const label = /** @type {Element} */ (when.element.querySelector("label"));
  const fill = () => {
    // A series says in its own note by which clocks it goes.
    setText(clocks, repeat.repeats() ? "" : skippedNote(when.input.value));
    setText(label, t(repeat.repeats() ? "series.starts" : "schedule.start"));
  };
  when.input.addEventListener("input", fill);
  repeat.element.addEventListener("input", fill);
  const errors = h("div", { class: "error", role: "alert", tabindex: "-1" });
  const save = async () => {
    const body = present(fields.value());
    const id = idOf(body.title, repeat.repeats() ? "" : when.input.value);
    const answer = repeat.repeats()
      ? await desk.ask("POST", "/series", { ...body, series_id: id, starts: when.input.value.slice(0, 16), ...repeat.value() })
      : await desk.ask("POST", "/sessions/create", { ...body, session_id: id, scheduled_start: new Date(when.input.value).toISOString() });
    if (answer.ok) {
      rememberInstructor(body.instructor);
      if (repeat.repeats()) return desk.turn("series", { seriesId: id, warnings: answer.data.warnings });
      return desk.turn("room", { sessionId: id, warnings: answer.data.warnings });
    }
    setText(errors, answerText(answer, t("console.offline")));
    errors.focus();
    return undefined;
  };
  const element = h(
    "section",
    { class: "screen console" },
    h("header", { class: "bar" }, h("h1", {}, t("schedule.title")), h("button", { type: "button", onclick: () => desk.turn("sessions") }, t("console.back"))),
    errors,
    h(
      "form",
      { class: "form", onsubmit: (event) => (event.preventDefault(), save()), oninput: fields.advise },
      ...fields.first,
      when.element,
      clocks,
      repeat.element,
      ...fields.rest,
      h("button", { class: "primary wide", type: "submit" }, t("schedule.save")),
    ),
  );
  return { element };
}

/** A new session has no field without a value. @param {Record<string, any>} values */
function present(values) {
  return /** @type {any} */ (Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)));
}

/** A readable id that is probably free: title, date if there is one, four random letters. @param {string} title @param {string} when */
function idOf(title, when) {
  const plain = title.toLowerCase().replaceAll("ß", "ss").normalize("NFKD").replace(/\p{M}/gu, "");
  const words = plain.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 60);
  const tail = Array.from(crypto.getRandomValues(new Uint8Array(4)), (byte) => "abcdefghjkmnpqrstuvwxyz"[byte % 23]).join("");
  return [words || "session", when.slice(0, 10), tail].filter(Boolean).join("-");
}

function lastInstructor() {
  try {
    return localStorage.getItem("halcytone-instructor") ?? "";
  } catch {
    // Without storage the field starts empty.
    return "";
  }
}

/** @param {string} name */
function rememberInstructor(name) {
  try {
    localStorage.setItem("halcytone-instructor", name);
  } catch {
    // As above.
  }
}
