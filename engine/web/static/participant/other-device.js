/**
 * One person on another device: a link with their secret, to be opened there, and the screen that it opens.
 * @module
 */

import { BASE, h, setText, show } from "../dom.js";
import { t } from "../i18n.js";
import { qrCode } from "../qr-code.js";

/**
 * The dialog with the link and its code. The secret stands in the fragment, which no server gets to see.
 * @param {any} visit
 */
export function otherDeviceDialog(visit) {
  const field = h("input", { readonly: true, id: "other-device-link" });
  const said = h("p", { class: "quiet", role: "status" });
  const code = h("div", {});
  const copy = async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      setText(said, t("share.copied"));
    } catch {
      // Without HTTPS there is no clipboard: select the link, to be copied by hand.
      setText(said, t("share.selected"));
    }
  };
  const element = h(
    "dialog",
    { class: "stop-dialog", "aria-labelledby": "other-device-title" },
    h("h2", { id: "other-device-title" }, t("device.title")),
    h("p", {}, t("device.text")),
    code,
    h(
      "div",
      { class: "link-row" },
      h("label", { for: "other-device-link" }, t("device.link")),
      h("div", { class: "chat-row" }, field, h("button", { type: "button", onclick: copy }, t("share.copy"))),
      said,
    ),
    h("p", { class: "quiet" }, t("device.secret")),
    h("div", { class: "lower" }, h("button", { type: "button", class: "primary wide", onclick: () => element.close() }, t("sheet.back"))),
  );
  const open = async () => {
    const path = `${BASE}/sessions/join/${encodeURIComponent(visit.sessionId)}`;
    const fragment = new URLSearchParams({ resume: visit.client.identity.resume });
    field.value = `${location.origin}${path}#${fragment}`;
    setText(said, "");
    element.showModal();
    show(code, await qrCode(field.value, t("device.code_alt")));
  };
  return { element, open };
}

/**
 * The screen that such a link opens. It asks first: whoever sent the link stays the one who takes part.
 * @param {any} visit
 */
export function handedOverScreen(visit) {
  const { room } = visit;
  const title = h("h1", {}, t("device.here_title"));
  const lead = h("p", { class: "lead" });
  const here = h("button", { class: "primary wide", type: "button", onclick: () => ((here.disabled = true), visit.takeOver()) }, t("device.here"));
  const element = h(
    "section",
    { class: "screen entry" },
    h("div", { class: "still-orb", "aria-hidden": "true" }, h("div", {})),
    title,
    lead,
    h("p", {}, t("device.here_text")),
    h(
      "div",
      { class: "lower" },
      here,
      h("button", { class: "wide", type: "button", onclick: () => location.reload() }, t("device.not_mine")),
    ),
  );
  const fill = () => setText(lead, room.title ?? "");
  room.addEventListener("change", fill);
  fill();
  return { element, close: () => room.removeEventListener("change", fill) };
}
