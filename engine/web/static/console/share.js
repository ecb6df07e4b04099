/**
 * The dialog that shares a session: the join link, its QR code, the wall for a projector.
 * @module
 */

import { sessionPath } from "../api.js";
import { h, setText, show } from "../dom.js";
import { t } from "../i18n.js";
import { qrCode } from "../qr-code.js";
import { answerText } from "../refusals.js";

/**
 * @param {any} desk
 * @param {string} sessionId
 */
export async function shareDialog(desk, sessionId) {
  const answer = await desk.ask("GET", sessionPath(sessionId));
  const body = h("div", {});
  const dialog = h(
    "dialog",
    { class: "stop-dialog", "aria-labelledby": "share-title", onclose: () => dialog.remove() },
    h("h2", { id: "share-title" }, t("share.title")),
    body,
    h("div", { class: "lower" }, h("button", { type: "button", class: "wide", onclick: () => dialog.close() }, t("console.close"))),
  );
  document.body.append(dialog);
  dialog.showModal();
  if (!answer.ok) return setText(body, answerText(answer, t("console.offline")));
  const { urls, access } = answer.data;
  show(
    body,
    linkRow(t(access === "invite" ? "share.invite" : "share.join"), urls.join),
    await qrCode(urls.join),
    linkRow(t("share.wall"), urls.wall),
  );
  return undefined;
}

/** @param {string} name @param {string} url */
function linkRow(name, url) {
  const said = h("p", { class: "quiet", role: "status" });
  const id = `link-${name.replace(/\W+/g, "-")}`;
  const field = h("input", { readonly: true, value: url, id });
  const copy = async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(url);
      setText(said, t("share.copied"));
    } catch {
      // Without HTTPS there is no clipboard: select the link, to be copied by hand.
      setText(said, t("share.selected"));
    }
  };
  return h("div", { class: "link-row" }, h("label", { for: id }, name), h("div", { class: "chat-row" }, field, h("button", { type: "button", onclick: copy }, t("share.copy"))), said);
}
