/**
 * The letter to those who come: written once, before the session begins; afterwards what became of it.
 * @module
 */

import { sessionPath } from "../api.js";
import { h, setText, show } from "../dom.js";
import { dayAndTime, t } from "../i18n.js";
import { answerText } from "../refusals.js";
import { confirmBefore } from "./confirmation.js";
import { delivered } from "./draft.js";

/** What was begun in this tab, by session: a closed dialog loses no words. @type {Map<string, {subject: string, text: string}>} */
const begun = new Map();

/**
 * The section of the letter; empty until it is loaded, and where there is nothing to say. Loaded again it follows what changed:
 * what is being written stays.
 * @param {any} desk
 * @param {string} sessionId
 */
export function letterSection(desk, sessionId) {
  const path = `${sessionPath(sessionId)}/letter`;
  const element = h("section");
  /** The heading, which names the section from then on. */
  const heading = () => {
    element.setAttribute("aria-labelledby", "letter-title");
    return h("h3", { id: "letter-title", class: "group", tabindex: "-1" }, t("letter.title"));
  };
  let shown = "";
  /** Say what changed in what is shown already. @type {(now: any) => void} */
  let follow = () => {};
  const load = async () => {
    const answer = await desk.ask("GET", path);
    if (answer.ok) draw(answer.data);
  };
  const draw = (/** @type {any} */ now) => {
    const kind = now.letter ? "written" : (now.closed_because ?? "form");
    if (kind === shown) return follow(now);
    shown = kind;
    follow = () => {};
    element.removeAttribute("aria-labelledby");
    if (now.letter) return show(element, ...written(now.letter));
    if (kind === "form") return show(element, ...form(now.recipients));
    return kind === "session_begun" ? show(element) : show(element, heading(), h("p", { class: "quiet" }, t(`letter.closed.${kind}`)));
  };
  const form = (/** @type {number} */ recipients) => {
    const words = begun.get(sessionId) ?? { subject: "", text: "" };
    const subject = h("input", { id: "letter-subject", maxlength: "200", value: words.subject });
    const text = h("textarea", { id: "letter-text", rows: "6", maxlength: "5000" });
    text.value = words.text;
    const problem = h("p", { class: "error", role: "alert" });
    const sure = h("div", { class: "inline-form", hidden: true });
    const send = h("button", { type: "button", class: "primary", onclick: () => ask() }, t("letter.send"));
    const goes = h("p", { class: "quiet" }, t("letter.goes", { count: recipients }));
    follow = (now) => {
      recipients = now.recipients;
      setText(goes, t("letter.goes", { count: recipients }));
    };
    const ask = () => {
      setText(problem, text.value.trim() ? "" : t("reason.empty", { field: t("letter.text") }));
      if (!text.value.trim()) return text.focus();
      return confirmBefore(sure, send, { question: t("letter.sure", { count: recipients }), yes: t("letter.yes") }, go);
    };
    const go = async () => {
      const answer = await desk.ask("POST", path, { text: text.value, ...(subject.value.trim() ? { subject: subject.value } : {}) });
      if (!answer.ok) setText(problem, answerText(answer, t("console.offline")));
      if (answer.ok) begun.delete(sessionId);
      if (answer.ok || answer.data?.error === "letter_sent") {
        await load();
        element.querySelector("h3")?.focus();
      }
    };
    for (const field of [subject, text]) field.addEventListener("input", () => begun.set(sessionId, { subject: subject.value, text: text.value }));
    return [
      heading(),
      goes,
      h("div", { class: "field" }, h("label", { for: subject.id }, t("letter.subject")), subject),
      h("div", { class: "field" }, h("label", { for: text.id }, t("letter.text")), text),
      send,
      sure,
      problem,
    ];
  };
  /** A letter that was sent. @param {any} letter */
  const written = (letter) => {
    const sums = h("p", { class: "quiet" }, delivered(letter.deliveries));
    follow = (now) => setText(sums, delivered(now.letter.deliveries));
    return [
      heading(),
      h("p", { class: "quiet" }, t("letter.written", { count: letter.recipients, when: dayAndTime(Date.parse(letter.written_at)) })),
      sums,
      h("details", {}, h("summary", {}, letter.subject), ...letter.text.split("\n\n").map((/** @type {string} */ block) => h("p", { class: "as-written" }, block))),
    ];
  };
  return { element, load };
}
