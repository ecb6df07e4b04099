/**
 * The editor of a session's plan: up to ten techniques with their minutes.
 * @module
 */

import { h, setText, show } from "../dom.js";
import { t } from "../i18n.js";
import { sumText } from "../plan-sum.js";
import { patternNote } from "./name-pattern.js";
import { loadTechniques, ownAmong } from "./techniques.js";

const MAX = 10;

/** @param {{technique: string, duration?: number | null, instruction?: string | null}[]} given */
export function planEditor(given) {
  let items = given.map((item) => ({ ...item }));
  let known = /** @type {any[]} */ ([]);
  const list = h("ol", { class: "plan-edit" });
  const names = h("datalist", { id: "technique-names" });
  const add = h("button", { type: "button", onclick: () => (items.push({ technique: "", duration: 300 }), fill(), list.lastElementChild?.querySelector("input")?.focus()) }, t("plan.add"));
  const sum = h("p", { class: "quiet plan-sum", role: "status" });
  const count = () => setText(sum, sumText(items.filter((item) => item.technique.trim())));
  const fill = () => {
    count();
    add.hidden = items.length >= MAX;
    show(list, ...items.map(row));
  };
  /** Remove a row; the focus moves to the one in its place. */
  const remove = (item, index) => {
    items = items.filter((one) => one !== item);
    fill();
    const rest = list.querySelectorAll("button");
    (rest[Math.min(index, rest.length - 1)] ?? add).focus();
  };
  const row = (item, index) => {
    const note = patternNote();
    note.look(item.pattern ? "" : item.technique);
    const minutes = h("input", {
      type: "number", min: "1", max: "120", value: String(Math.round((item.duration ?? 300) / 60)), "aria-label": t("plan.minutes"),
      oninput: (event) => (item.duration = Number(event.target.value) * 60),
    });
    const words = h("input", { class: "plan-words", value: item.instruction ?? "", maxlength: "200", placeholder: t("plan.words"), "aria-label": t("plan.words"), oninput: (event) => (item.instruction = event.target.value) });
    /** A technique of the studio's own brings its pattern, its words where there are none yet, and its usual length. */
    const named = (name) => {
      item.technique = name;
      delete item.pattern;
      const own = ownAmong(known, name);
      note.look(own ? "" : name);
      if (!own) return;
      item.pattern = own.breath;
      if (!item.instruction?.trim()) item.instruction = words.value = own.words;
      const seconds = (own.rounds?.usual ?? 0) * own.breath.reduce((sum, one) => sum + one, 0);
      if (seconds) item.duration = 60 * Math.min(120, Math.max(1, Math.round(seconds / 60)));
      minutes.value = String(item.duration / 60);
      count();
    };
    return h(
      "li",
      {},
      h("input", { list: "technique-names", value: item.technique, maxlength: "100", "aria-label": t("plan.technique"), oninput: (event) => named(event.target.value) }),
      minutes,
      h("button", { type: "button", "aria-label": t("plan.remove", { technique: item.technique || String(index + 1) }), onclick: () => remove(item, index) }, "×"),
      words,
      note.element,
    );
  };
  fill();
  loadTechniques().then((all) => {
    known = all;
    show(names, ...all.map((technique) => h("option", { value: technique.name })));
  });
  return {
    element: h("fieldset", { class: "plan-field", oninput: count }, h("legend", {}, t("plan.title")), list, sum, add, names),
    /** The plan in the API's form. */
    value: () =>
      items
        .filter((item) => item.technique.trim())
        .map((item) => ({
          technique: item.technique.trim(),
          ...(item.duration ? { duration: item.duration } : {}),
          ...(item.instruction?.trim() ? { instruction: item.instruction.trim() } : {}),
          ...(item.pattern ? { pattern: item.pattern } : {}),
        })),
  };
}
