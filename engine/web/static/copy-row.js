/**
 * A read-only field with a button that copies its text.
 * @module
 */

import { h, setText } from "./dom.js";
import { t } from "./i18n.js";

/** @param {string} name @param {any} field read-only, with an id */
export function copyRow(name, field) {
  const status = h("p", { class: "quiet", role: "status" });
  const copy = async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      setText(status, t("share.copied"));
    } catch {
      // Without HTTPS there is no clipboard: select the text, to be copied by hand.
      setText(status, t("share.selected"));
    }
  };
  const button = h("button", { type: "button", onclick: copy }, t("share.copy"));
  return h("div", { class: "link-row" }, h("label", { for: field.id }, name), h("div", { class: "chat-row" }, field, button), status);
}
