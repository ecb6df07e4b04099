/**
 * The dialog that shows a mail as its readers see it: in a sandboxed frame, which runs no script and leads nowhere.
 * @module
 */

import { h } from "../dom.js";
import { t } from "../i18n.js";

/** How a mail refers to the card that is attached to it. */
const CARD = "cid:card@halcytone";

/**
 * @param {{subject: string, text: string, html: string}} mail
 * @param {string | null} card the card as a `data:` URL
 * @param {string} note what it does not show; empty for nothing
 */
export function previewDialog(mail, card, note) {
  const { html, sheets } = withoutStyles(mail.html);
  const frame = h("iframe", { class: "preview", sandbox: "allow-same-origin", title: t("preview.frame"), onload: () => fill(frame, sheets) });
  frame.srcdoc = card ? html.replaceAll(CARD, card) : html.replace(/<img [^>]*cid:[^>]*>/g, "");
  const dialog = h(
    "dialog",
    { class: "stop-dialog edit-dialog", "aria-labelledby": "preview-title", onclose: () => dialog.remove() },
    h("h2", { id: "preview-title" }, t("preview.title")),
    h("p", { class: "quiet" }, t("draft.subject"), ": ", h("b", {}, mail.subject)),
    note ? h("p", { class: "quiet" }, note) : null,
    frame,
    h("details", {}, h("summary", {}, t("preview.plain")), h("p", { class: "as-written" }, mail.text)),
    h("div", { class: "lower" }, h("button", { type: "button", class: "wide", onclick: () => dialog.close() }, t("console.close"))),
  );
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * The page's content policy, which the frame inherits, allows no style in HTML: styles are taken out, and set by script later.
 * @param {string} html
 */
function withoutStyles(html) {
  /** @type {string[]} */
  const sheets = [];
  const kept = html
    .replace(/<style[^>]*>([\s\S]*?)<\/style>/g, (_, css) => (sheets.push(css), ""))
    .replace(/<[^>]+>/g, (tag) => tag.replace(/ style="/g, ' data-style="'));
  return { html: kept, sheets };
}

/** @param {any} frame @param {string[]} sheets */
function fill(frame, sheets) {
  const mail = frame.contentDocument;
  const sheet = new frame.contentWindow.CSSStyleSheet();
  sheet.replaceSync(sheets.join("\n"));
  mail.adoptedStyleSheets = [sheet];
  for (const element of mail.querySelectorAll("[data-style]")) element.style.cssText = element.dataset.style;
  for (const link of mail.querySelectorAll("a[href]")) {
    link.title = link.href;
    link.removeAttribute("href");
  }
  frame.style.height = `${mail.documentElement.scrollHeight}px`;
}
