/**
 * The screen after a final refusal: what happened, and what to do now.
 * @module
 */

import { BASE, h } from "../dom.js";
import { has, t } from "../i18n.js";
import { pageLink } from "../session-page.js";
import { startAnew } from "./invitation.js";

/** Error and close codes that share a text. */
const SAME = /** @type {Record<string, string>} */ ({
  4500: "bad_credential", 4501: "wrong_messages", 4502: "no_such_session", 4503: "full", 4504: "limit",
  4505: "session_over", 4506: "removed", 4507: "forbidden", 4508: "replaced", 4509: "locked",
});
/** Codes of the server that say more than the close that follows them. */
const CLEARER = /** @type {Record<string, string>} */ ({ token_required: "invitation_needed", token_expired: "token_expired", too_many_from_here: "too_many_from_here" });
const ASK = new Set(["removed", "forbidden", "invitation_needed", "token_expired", "too_many_from_here"]);
const AGAIN = new Set(["full", "locked", "replaced", "limit", "wrong_messages", "other"]);

/**
 * @param {any} visit
 * @param {{code: string, closeCode?: number}} refusal
 */
export function troubleScreen(visit, refusal) {
  const code = [CLEARER[refusal.code], SAME[String(refusal.closeCode)], refusal.code].find((name) => name && has(`trouble.${name}.title`)) ?? "other";
  const actions = h("div", { class: "lower" });
  if (AGAIN.has(code)) {
    actions.append(h("button", { class: "primary wide", onclick: () => location.reload() }, t(`trouble.${code === "replaced" ? "here" : "again"}`)));
  }
  if (code === "session_over") {
    const href = `${BASE}/sessions/${encodeURIComponent(visit.sessionId)}/`;
    const credential = visit.room.visibility === "private" ? visit.token : null;
    actions.append(pageLink({ href, text: t("trouble.page"), look: "button primary wide", credential }));
  }
  if (code === "bad_credential") {
    actions.append(
      h("button", { class: "primary wide", onclick: () => (startAnew(visit.sessionId), location.reload()) }, t("trouble.anew")),
    );
  }
  // The imprint has the studio's contact.
  if (ASK.has(code)) actions.append(h("a", { class: "button primary wide", href: `${BASE}/imprint/` }, t("trouble.studio")));
  actions.append(h("a", { class: "button wide", href: `${BASE}/` }, t("trouble.home")));
  const element = h(
    "section",
    { class: "screen trouble" },
    h("div", { class: "still-orb", "aria-hidden": "true" }, h("div", {})),
    h("h1", {}, t(`trouble.${code}.title`)),
    h("p", { class: "lead" }, t(`trouble.${code}.text`, { name: visit.room.instructor || t("the_instructor") })),
    actions,
  );
  return { element };
}
