/**
 * The fields of a session, shared by the forms that schedule and change sessions and series.
 * @module
 */

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { planEditor } from "./plan-editor.js";
import { loadTechniques } from "./techniques.js";

/**
 * @param {any} like a session or series as the API shows it, or nothing
 * @param {{live?: boolean}} [options] `live`: only what a live session takes
 */
export function sessionFields(like, { live = false } = {}) {
  const title = field("title", "text", like.title ?? "", { required: true, maxlength: "200" });
  const instructor = field("instructor", "text", like.instructor ?? "", { required: true, maxlength: "100" });
  const places = field("places", "number", String(like.max_participants ?? 100), { required: true, min: "1", max: "1000" });
  const description = h("textarea", { id: "f-description", rows: "3", maxlength: "2000" }, like.description ?? "");
  const kind = select("session_type", ["live", "guided", "practice", "workshop"], like.session_type ?? "live");
  // The console's sessions begin in quiet; once live the room has a switch of its own.
  const chat = h("input", { type: "checkbox", id: "f-chat", checked: like.chat ?? false });
  const chatField = h("label", { class: "check", for: chat.id }, chat, h("span", {}, t("schedule.chat")));
  const place = select("place", ["online", "room", "both"], like.place ?? "online");
  const listen = field("listen", "url", like.listen_url ?? "", { placeholder: "https://", pattern: "https://.+" });
  const access = select("access", ["open", "invite"], like.visibility === "private" ? "invite" : (like.access ?? "open"));
  // By invitation means private: nothing else is to be chosen then.
  const visibility = select("visibility", ["public", "unlisted"], like.visibility ?? "public");
  const foundBy = () => (visibility.element.hidden = live || access.input.value === "invite");
  access.input.addEventListener("change", foundBy);
  foundBy();
  const plan = planEditor(like.techniques ?? []);
  const roomOnly = h("p", { class: "note", role: "status", hidden: true });
  const advise = async () => {
    const strong = (await loadTechniques()).filter((technique) => technique.group === "B").map((technique) => technique.name);
    const planned = plan.value().find((item) => strong.includes(item.technique));
    roomOnly.hidden = !planned || place.input.value === "room";
    if (planned) roomOnly.textContent = t("schedule.room_only", { technique: planned.technique });
  };
  for (const fixed of [instructor, place, access, kind]) fixed.element.hidden = live;
  chatField.hidden = live;
  advise();
  return {
    first: [title.element, instructor.element],
    rest: [
      plan.element,
      place.element,
      roomOnly,
      listen.element,
      h(
        "details",
        { open: live },
        h("summary", {}, t("schedule.more")),
        h("div", {}, h("label", { for: "f-description" }, t("schedule.description")), description),
        kind.element,
        places.element,
        access.element,
        visibility.element,
        chatField,
      ),
    ],
    advise,
    title: () => title.input.value,
    instructor: () => instructor.input.value,
    /** What the fields say, in the API's form; empty texts are null. */
    value: () => ({
      title: title.input.value,
      instructor: instructor.input.value,
      max_participants: Number(places.input.value),
      techniques: plan.value(),
      session_type: kind.input.value,
      chat: chat.checked,
      place: place.input.value,
      access: access.input.value,
      visibility: access.input.value === "invite" ? "private" : visibility.input.value,
      description: description.value.trim() || null,
      listen_url: listen.input.value.trim() || null,
    }),
  };
}

/** Of two values of a form what changed, field by field. @param {Record<string, any>} before @param {Record<string, any>} after */
export function changed(before, after) {
  const different = Object.entries(after).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]));
  return Object.fromEntries(different);
}

/** @param {string} name @param {string} type @param {string} value @param {Record<string, any>} rules */
export function field(name, type, value, rules) {
  const input = h("input", { id: `f-${name}`, type, value, ...rules });
  return { input, element: h("div", {}, h("label", { for: input.id }, t(name === "title" ? "schedule.title_field" : `schedule.${name}`)), input) };
}

/** @param {string} name @param {string[]} options @param {string} chosen */
export function select(name, options, chosen) {
  const input = h("select", { id: `f-${name}` }, ...options.map((option) => h("option", { value: option, selected: option === chosen }, t(`schedule.${name}.${option}`))));
  return { input, element: h("div", {}, h("label", { for: input.id }, t(`schedule.${name}`)), input) };
}
