/**
 * The form that schedules a new session, or a copy of another.
 * @module
 */

import { h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { answerText } from "../refusals.js";
import { planEditor } from "./plan-editor.js";
import { localInput } from "./sessions.js";
import { loadTechniques } from "./techniques.js";
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
  const title = field("title", "text", like.title ?? "", { required: true, maxlength: "200" });
  const instructor = field("instructor", "text", like.instructor ?? lastInstructor(), { required: true, maxlength: "100" });
  const when = field("start", "datetime-local", localInput(start), { required: true });
  const clocks = h("p", { class: "note", role: "status" }, detail?.note ?? "");
  when.input.addEventListener("input", () => setText(clocks, skippedNote(when.input.value)));
  const places = field("places", "number", String(like.max_participants ?? 100), { required: true, min: "1", max: "1000" });
  const description = h("textarea", { id: "f-description", rows: "3", maxlength: "2000" }, like.description ?? "");
  const place = select("place", ["online", "room", "both"], like.place ?? "online");
  const listen = field("listen", "url", like.listen_url ?? "", { placeholder: "https://", pattern: "https://.+" });
  const access = select("access", ["open", "invite"], like.visibility === "private" ? "invite" : (like.access ?? "open"));
  // By invitation means private: nothing else is to be chosen then.
  const visibility = select("visibility", ["public", "unlisted"], like.visibility ?? "public");
  const foundBy = () => (visibility.element.hidden = access.input.value === "invite");
  access.input.addEventListener("change", foundBy);
  foundBy();
  const plan = planEditor(like.techniques ?? []);
  const errors = h("div", { class: "error", role: "alert", tabindex: "-1" });
  const save = async () => {
    const body = {
      session_id: idOf(title.input.value, when.input.value),
      title: title.input.value,
      instructor: instructor.input.value,
      scheduled_start: new Date(when.input.value).toISOString(),
      max_participants: Number(places.input.value),
      techniques: plan.value(),
      place: place.input.value,
      access: access.input.value,
      visibility: access.input.value === "invite" ? "private" : visibility.input.value,
      // Chat is off until the instructor switches it on.
      chat: false,
      ...(description.value.trim() ? { description: description.value.trim() } : {}),
      ...(listen.input.value.trim() ? { listen_url: listen.input.value.trim() } : {}),
    };
    const answer = await desk.ask("POST", "/sessions/create", body);
    if (answer.ok) {
      rememberInstructor(body.instructor);
      return desk.turn("room", { sessionId: body.session_id, warnings: answer.data.warnings });
    }
    setText(errors, answerText(answer, t("console.offline")));
    errors.focus();
    return undefined;
  };
  const roomOnly = h("p", { class: "note", role: "status", hidden: true });
  const advise = async () => {
    const strong = (await loadTechniques()).filter((technique) => technique.group === "B").map((technique) => technique.name);
    const planned = plan.value().find((item) => strong.includes(item.technique));
    roomOnly.hidden = !planned || place.input.value === "room";
    if (planned) setText(roomOnly, t("schedule.room_only", { technique: planned.technique }));
  };
  const element = h(
    "section",
    { class: "screen console" },
    h("header", { class: "bar" }, h("h1", {}, t("schedule.title")), h("button", { type: "button", onclick: () => desk.turn("sessions") }, t("console.back"))),
    errors,
    h(
      "form",
      { class: "form", onsubmit: (event) => (event.preventDefault(), save()), oninput: advise },
      title.element,
      instructor.element,
      when.element,
      clocks,
      plan.element,
      place.element,
      roomOnly,
      listen.element,
      h(
        "details",
        {},
        h("summary", {}, t("schedule.more")),
        h("div", {}, h("label", { for: "f-description" }, t("schedule.description")), description),
        places.element,
        access.element,
        visibility.element,
      ),
      h("button", { class: "primary wide", type: "submit" }, t("schedule.save")),
    ),
  );
  advise();
  return { element };
}

/** @param {string} name @param {string} type @param {string} value @param {Record<string, any>} rules */
function field(name, type, value, rules) {
  const input = h("input", { id: `f-${name}`, type, value, ...rules });
  return { input, element: h("div", {}, h("label", { for: input.id }, t(name === "title" ? "schedule.title_field" : `schedule.${name}`)), input) };
}

/** @param {string} name @param {string[]} options @param {string} chosen */
function select(name, options, chosen) {
  const input = h("select", { id: `f-${name}` }, ...options.map((option) => h("option", { value: option, selected: option === chosen }, t(`schedule.${name}.${option}`))));
  return { input, element: h("div", {}, h("label", { for: input.id }, t(`schedule.${name}`)), input) };
}

/** A readable id that is probably free: title, date, four random letters. @param {string} title @param {string} when */
function idOf(title, when) {
  const plain = title.toLowerCase().replaceAll("ß", "ss").normalize("NFKD").replace(/\p{M}/gu, "");
  const words = plain.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 60);
  const tail = Array.from(crypto.getRandomValues(new Uint8Array(4)), (byte) => "abcdefghjkmnpqrstuvwxyz"[byte % 23]).join("");
  return `${words || "session"}-${when.slice(0, 10)}-${tail}`;
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
