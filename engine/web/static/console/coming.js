/**
 * The dialog of who comes to a session: names and states, and the letter to them; once it has begun, also who came.
 * @module
 */

import { sessionPath } from "../api.js";
import { h, setText, show } from "../dom.js";
import { t } from "../i18n.js";
import { answerText } from "../refusals.js";
import { letterSection } from "./letter.js";

/**
 * @param {any} desk
 * @param {string} sessionId
 */
export async function comingDialog(desk, sessionId) {
  const body = h("div", { "aria-live": "polite" });
  const dialog = h(
    "dialog",
    { class: "stop-dialog edit-dialog", "aria-labelledby": "coming-title", onclose: () => dialog.remove() },
    h("h2", { id: "coming-title" }, t("coming.title")),
    body,
    h("div", { class: "lower" }, h("button", { type: "button", class: "wide", onclick: () => dialog.close() }, t("console.close"))),
  );
  document.body.append(dialog);
  dialog.showModal();
  const answer = await desk.ask("GET", `${sessionPath(sessionId)}/registrations`);
  if (!answer.ok) return setText(body, answerText(answer, t("console.offline")));
  const { registrations, coming, waiting, max_participants: most } = answer.data;
  const people = h("ul", { class: "people" }, ...registrations.map(line));
  show(body, h("p", { class: "lead" }, t("coming.sum", { coming, most, waiting })), registrations.length ? people : h("p", { class: "quiet" }, t("coming.nobody")), registrations.length ? letterSection(desk, sessionId) : null);
  return undefined;
}

/** @param {{name: string | null, state: string, position?: number, came?: boolean}} each */
function line(each) {
  const state = each.position ? t("coming.waits", { position: each.position }) : t(each.came === undefined ? "coming.comes" : each.came ? "coming.came" : "coming.not_here");
  return h("li", {}, h("span", { class: "person" }, each.name ?? t("coming.no_name")), h("span", { class: "quiet" }, state));
}
