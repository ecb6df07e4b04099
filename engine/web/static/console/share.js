/**
 * The dialog that shares a session: the join link, its QR code, a text to paste into a chat, the page, the wall.
 * @module
 */

import { sessionPath } from "../api.js";
import { copyRow } from "../copy-row.js";
import { h, setText, show } from "../dom.js";
import { dayAndTime, t } from "../i18n.js";
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
  const { urls, access, visibility } = answer.data;
  show(
    body,
    linkRow(t(access === "invite" ? "share.invite" : "share.join"), urls.join),
    await qrCode(urls.join),
    copyRow(t("share.words"), h("textarea", { readonly: true, rows: "4", id: "share-words" }, invitation(answer.data))),
    // A private page opens for nobody by its address alone.
    visibility === "private" ? null : linkRow(t("share.page"), urls.page),
    linkRow(t("share.wall"), urls.wall),
    linkRow(t("share.cohost"), urls.console),
  );
  return undefined;
}

/** What may be pasted into a chat: title, time, instructor, the link. @param {any} session */
function invitation(session) {
  const at = Date.parse(session.scheduled_start);
  return [session.title, `${dayAndTime(at)} · ${t("entry.with", { name: session.instructor })}`, session.urls.join].join("\n");
}

/** A link to copy. @param {string} name @param {string} url */
export function linkRow(name, url) {
  return copyRow(name, h("input", { readonly: true, value: url, id: `link-${name.replace(/\W+/g, "-")}` }));
}
