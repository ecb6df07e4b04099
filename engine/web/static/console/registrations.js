/**
 * The dialog of a session's registrations: names and states, and the letter to them; once it has begun, also who came. While it
 * is open it follows what changes.
 * @module
 */

import { sessionPath } from "../api.js";
import { arrange, h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { answerText } from "../refusals.js";
import { letterSection } from "./letter.js";
import { SLOW_MS, poll, steady } from "./poll.js";

/**
 * @param {any} desk
 * @param {string} sessionId
 */
export function registrationsDialog(desk, sessionId) {
  const sum = h("p", { class: "lead" });
  const nobody = h("p", { class: "quiet", hidden: true }, t("coming.nobody"));
  const people = h("ul", { class: "people" });
  const problem = h("p", { class: "error", role: "alert" });
  const letter = letterSection(desk, sessionId);
  const dialog = h(
    "dialog",
    { class: "stop-dialog edit-dialog", "aria-labelledby": "coming-title", onclose: () => (looking.end(), dialog.remove()) },
    h("h2", { id: "coming-title" }, t("coming.title")),
    h("div", { "aria-live": "polite" }, sum, nobody, people),
    problem,
    letter.element,
    h("div", { class: "lower" }, h("button", { type: "button", class: "wide", onclick: () => dialog.close() }, t("console.close"))),
  );
  /** @type {Map<string, Element>} the line of each registration as it is shown, by what it says */
  let lines = new Map();
  const looking = poll(async () => {
    const answer = await desk.ask("GET", `${sessionPath(sessionId)}/registrations`);
    if (looking.ended) return SLOW_MS;
    setText(problem, answer.ok ? "" : answerText(answer, t("console.offline")));
    if (!answer.ok) return SLOW_MS;
    const { registrations, coming, waiting, max_participants: most } = answer.data;
    setText(sum, t("coming.sum", { coming, most, waiting }));
    nobody.hidden = registrations.length > 0;
    lines = new Map(registrations.map((/** @type {any} */ each) => [JSON.stringify(each), lines.get(JSON.stringify(each)) ?? line(each)]));
    arrange(people, [...lines.values()]);
    letter.element.hidden = registrations.length === 0;
    if (registrations.length) letter.load();
    return steady();
  });
  document.body.append(dialog);
  dialog.showModal();
  looking.now();
}

/** @param {{name: string | null, state: string, position?: number, came?: boolean}} each */
function line(each) {
  const state = each.position ? t("coming.waits", { position: each.position }) : t(each.came === undefined ? "coming.comes" : each.came ? "coming.came" : "coming.not_here");
  return h("li", {}, h("span", { class: "person" }, each.name ?? t("coming.no_name")), h("span", { class: "quiet" }, state));
}
