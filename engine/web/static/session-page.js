/**
 * The way to a session's page. A private one is shown to whoever brings a credential, and a link brings none: its page
 * is fetched with it and shown here, in place of this one.
 * @module
 */

import { h, write } from "./dom.js";
import { t } from "./i18n.js";

/**
 * @param {{href: string, text: string, look?: string, credential: string | null}} page
 *   with a credential where the session is private
 * @returns {Element}
 */
export function wayToPage({ href, text, look = "", credential }) {
  if (!credential) return h("a", { href, class: look }, text);
  const said = h("span", { class: "quiet", role: "status" });
  const open = async () => {
    const html = await fetched(href, credential);
    if (html === null) return write(said, ` ${t("after.not_now")}`);
    document.open();
    document.write(html);
    return document.close();
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
