/**
 * One person on another device: a link with their secret, to be opened there, and the screen that it opens.
 * @module
 */

import { copyRow } from "../copy-row.js";
import { BASE, h, setText, show } from "../dom.js";
import { t } from "../i18n.js";
import { qrCode } from "../qr-code.js";

/**
 * The dialog with the link and its code. The secret stands in the fragment, which browsers leave out of the request, so that
 * no log has it; the page that the link opens sends it to the server itself.
 * @param {any} visit
 */
export function otherDeviceDialog(visit) {
  const field = h("input", { readonly: true, id: "other-device-link" });
  const row = h("div", {});
  const code = h("div", {});
  const element = h(
    "dialog",
    { class: "stop-dialog", "aria-labelledby": "other-device-title" },
    h("h2", { id: "other-device-title" }, t("device.title")),
    h("p", {}, t("device.text")),
    code,
    row,
    h("p", { class: "quiet" }, t("device.secret")),
    h("div", { class: "lower" }, h("button", { type: "button", class: "primary wide", onclick: () => element.close() }, t("sheet.back"))),
  );
  const open = async () => {
    const path = `${BASE}/sessions/join/${encodeURIComponent(visit.sessionId)}`;
    const fragment = new URLSearchParams({ resume: visit.client.identity.resume });
    field.value = `${location.origin}${path}#${fragment}`;
    // Anew, so that it does not say of the time before that the link is copied.
    show(row, copyRow(t("device.link"), field));
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
