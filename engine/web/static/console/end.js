/**
 * The dialog that confirms the end of a session, which cannot be undone.
 * @module
 */

import { h } from "../dom.js";
import { t } from "../i18n.js";

/** @param {() => Promise<boolean>} end */
export function endDialog(end) {
  const sure = h("input", { type: "checkbox", id: "end-sure", onchange: () => (go.disabled = !sure.checked) });
  const go = h("button", { type: "button", class: "danger wide", disabled: true, onclick: async () => (await end()) && element.close() }, t("end.go"));
  const element = h(
    "dialog",
    { class: "stop-dialog", "aria-labelledby": "end-title" },
    h("h2", { id: "end-title" }, t("end.title")),
    h("p", {}, t("end.text")),
    h("label", { class: "check", for: "end-sure" }, sure, h("span", {}, t("end.sure"))),
    h("div", { class: "lower" }, h("button", { type: "button", class: "primary wide", onclick: () => element.close() }, t("end.not_yet")), go),
  );
  return {
    element,
    open() {
      sure.checked = false;
      go.disabled = true;
      element.showModal();
    },
  };
}
