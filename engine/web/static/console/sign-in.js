/**
 * The sign-in screen: with a key, or the link of one session.
 * @module
 */

import { apiRequest } from "../api.js";
import { h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { answerText } from "../refusals.js";

const UNKNOWN = new Set([400, 401, 403]);

/**
 * @param {any} desk
 * @param {{sessionId?: string | null, refused?: boolean} | undefined} detail
 */
export function signInScreen(desk, detail) {
  const secret = h("input", { id: "secret", type: "password", autocomplete: "current-password", required: true, "aria-describedby": "secret-said" });
  const stay = h("input", { type: "checkbox", id: "stay" });
  const said = h("p", { class: "error", role: "alert", id: "secret-said" }, detail?.refused ? t("signin.refused") : "");
  const enter = async () => {
    const given = secret.value.trim();
    const link = given.includes("#") ? new URLSearchParams(given.slice(given.indexOf("#") + 1)) : null;
    if (link?.get("token") && link.get("session")) {
      return desk.signIn(link.get("token"), { sessionId: link.get("session"), stay: stay.checked });
    }
    const answer = await apiRequest("GET", "/sessions?limit=1", { credential: given });
    if (answer.ok) {
      desk.signIn(given, { stay: stay.checked });
      if (detail?.sessionId) desk.turn("room", { sessionId: detail.sessionId });
      return undefined;
    }
    // Only these statuses are about the key; others mean a rate limit, or an unreachable server.
    return setText(said, UNKNOWN.has(answer.status) ? t("signin.wrong") : answerText(answer, t("console.offline")));
  };
  const element = h(
    "section",
    { class: "screen" },
    h("h1", {}, t("signin.title")),
    h("p", { class: "lead" }, t("signin.lead")),
    h(
      "form",
      { class: "lower", onsubmit: (event) => (event.preventDefault(), enter()) },
      // Password managers expect a user name beside a password.
      h("input", { type: "text", name: "username", autocomplete: "username", value: "instructor", hidden: true }),
      h("div", {}, h("label", { for: "secret" }, t("signin.secret")), secret, said),
      h("label", { class: "check", for: "stay" }, stay, h("span", {}, t("signin.stay"))),
      h("button", { class: "primary wide", type: "submit" }, t("signin.enter")),
      h("p", { class: "quiet" }, t("signin.help")),
    ),
  );
  return { element };
}
