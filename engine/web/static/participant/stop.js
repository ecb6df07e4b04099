/**
 * The "I need to stop" dialog: stops this person's pacer, tells the staff privately, and names help.
 * @module
 */

import { h, setText } from "../dom.js";
import { t } from "../i18n.js";

/**
 * @param {any} visit
 * @param {{onStop: () => void, onReturn: () => void}} practice
 */
export function stopDialog(visit, { onStop, onReturn }) {
  const told = h("p", { role: "status" });
  const emergency = h("p", { class: "emergency" });
  const element = h(
    "dialog",
    { class: "stop-dialog", "aria-labelledby": "stop-title", oncancel: () => onReturn() },
    h("h2", { id: "stop-title" }, t("stop.title")),
    h("p", {}, t("stop.text")),
    told,
    emergency,
    h(
      "div",
      { class: "lower" },
      h("button", { class: "primary wide", type: "button", onclick: () => (element.close(), onReturn()) }, t("stop.return")),
      h("button", { class: "wide", type: "button", onclick: () => (element.close(), visit.leave()) }, t("stop.leave")),
    ),
  );
  const open = async () => {
    onStop();
    setText(told, "");
    setText(emergency, visit.room.emergency ?? t("stop.emergency"));
    element.showModal();
    try {
      await visit.client.send("need_to_stop");
      setText(told, t("stop.told", { name: visit.room.instructor || t("the_instructor") }));
    } catch {
      setText(told, t("stop.not_told"));
    }
  };
  return { element, open };
}
