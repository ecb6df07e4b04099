/**
 * The way to a session's page. A private one is shown to whoever brings a credential, and a link brings none: its page
 * is fetched with it and shown here, in place of this one.
 * @module
 */

import { h, write } from "./dom.js";
import { t } from "./i18n.js";

/**
 * @param {{href: string, text: string, look?: string, aside?: boolean, credential: string | null}} page
 *   with a credential where the session is private; `aside` where the page it is opened from has to stay
 * @returns {Element}
 */
export function wayToPage({ href, text, look = "", aside = false, credential }) {
  if (!credential) return h("a", { href, class: look, ...(aside ? { target: "_blank", rel: "noopener" } : {}) }, text);
  const said = h("span", { class: "quiet", role: "status" });
  const open = async () => {
    // Opened before the answer is there: later it would be a window that nobody asked for.
    const place = (aside && window.open("")) || window;
    const html = await fetched(href, credential);
    if (html === null) {
      if (place !== window) place.close();
      return write(said, ` ${t("after.not_now")}`);
    }
    place.opener = null;
    place.document.open();
    place.document.write(html);
    return place.document.close();
  };
  return h("span", {}, h("button", { type: "button", class: look.replace("button", ""), onclick: open }, text), said);
}

/** @param {string} href @param {string} credential @returns {Promise<string | null>} */
async function fetched(href, credential) {
  try {
    const answer = await fetch(href, { headers: { accept: "text/html", authorization: `Bearer ${credential}` } });
    return answer.ok ? await answer.text() : null;
  } catch {
    // Nobody answered: it can be tried again.
    return null;
  }
}
