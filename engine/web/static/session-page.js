/**
 * Links to a session's page. A private page needs a credential in the request, which a link cannot send: so it is fetched
 * with the credential and shown in the place of this page.
 * @module
 */

import { h, setText } from "./dom.js";
import { t } from "./i18n.js";

/**
 * @param {{href: string, text: string, look?: string, aside?: boolean, credential: string | null}} page
 *   `credential` where the session is private; `aside` opens a new window
 * @returns {Element}
 */
export function pageLink({ href, text, look = "", aside = false, credential }) {
  if (!credential) return h("a", { href, class: look, ...(aside ? { target: "_blank", rel: "noopener" } : {}) }, text);
  const status = h("span", { class: "quiet", role: "status" });
  const open = async () => {
    // Opened before the response: later the browser would block it as a pop-up.
    const place = (aside && window.open("")) || window;
    const html = await fetchPage(href, credential);
    if (html === null) {
      if (place !== window) place.close();
      return setText(status, ` ${t("after.not_now")}`);
    }
    place.opener = null;
    place.document.open();
    place.document.write(html);
    return place.document.close();
  };
  return h("span", {}, h("button", { type: "button", class: look.replace("button", ""), onclick: open }, text), status);
}

/**
 * The HTML at an address; null where the server does not give it, or there is no answer.
 * @param {string} href
 * @param {string | null} credential
 * @returns {Promise<string | null>}
 */
export async function fetchPage(href, credential) {
  try {
    const answer = await fetch(href, { headers: { accept: "text/html", ...(credential ? { authorization: `Bearer ${credential}` } : {}) } });
    return answer.ok ? await answer.text() : null;
  } catch {
    // No response: the link can be tried again.
    return null;
  }
}
