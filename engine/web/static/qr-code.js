/**
 * The QR code of a join link, for addresses that a phone can reach.
 * @module
 */

import { BASE, h } from "./dom.js";
import { t } from "./i18n.js";

/** Hosts that only this device can reach. */
const ONLY_HERE = /^(localhost|.*\.localhost|127\..*|0\.0\.0\.0|\[::1?\])$/;

/** The QR code of a link, or a sentence that says why there is none. @param {string} url @param {string} [alt] @returns {Promise<Element>} */
export async function qrCode(url, alt = t("share.code_alt")) {
  if (ONLY_HERE.test(new URL(url).hostname)) return h("p", { class: "quiet" }, t("share.unreachable"));
  const answer = await fetch(`${BASE}/console/qr`, { method: "POST", body: JSON.stringify({ url }) }).catch(() => null);
  if (!answer?.ok) return h("p", { class: "quiet" }, t(answer?.status === 409 ? "share.unreachable" : "share.no_code"));
  const picture = `data:image/svg+xml;base64,${btoa(await answer.text())}`;
  return h("img", { class: "qr", src: picture, alt, width: "240", height: "240" });
}
