/**
 * The sign-in screen: with a key, the link of one session, a passkey, or a link by mail.
 * @module
 */

import { apiRequest } from "../api.js";
import { h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { answerText } from "../refusals.js";
import { passkeysPossible, usePasskey } from "./passkeys.js";

const UNKNOWN = new Set([400, 401, 403]);

/**
 * @param {any} desk
 * @param {{sessionId?: string | null, refused?: boolean, link?: string} | undefined} detail
 */
export function signInScreen(desk, detail) {
  const secret = h("input", { id: "secret", type: "password", autocomplete: "current-password", required: true, "aria-describedby": "secret-said" });
  const stay = h("input", { type: "checkbox", id: "stay" });
  const problem = h("p", { class: "error", role: "alert", id: "secret-said" }, detail?.refused ? t("signin.refused") : "");
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
    return setText(problem, UNKNOWN.has(answer.status) ? t("signin.wrong") : answerText(answer, t("console.offline")));
  };
  const address = h("input", { id: "address", type: "email", autocomplete: "email", required: true });
  const sent = h("p", { role: "status" });
  const send = async () => {
    const answer = await apiRequest("POST", "/sign-in", { body: { address: address.value.trim() } });
    setText(sent, !answer.ok ? answerText(answer, t("console.offline")) : t(answer.data.status === "asked" ? "signin.sent" : "signin.no_mail"));
  };
  /** The link of a mail: used by a button, since mail scanners open links. */
  const use = async () => {
    const answer = await apiRequest("POST", "/sign-in/link", { body: { token: detail?.link } });
    if (answer.ok) return desk.signIn(answer.data.key, { stay: stay.checked });
    return setText(problem, UNKNOWN.has(answer.status) ? t("signin.link_used") : answerText(answer, t("console.offline")));
  };
  const refused = h("p", { class: "error", role: "alert" });
  const withPasskey = async () => {
    setText(refused, "");
    const made = await usePasskey();
    if ("error" in made) return setText(refused, made.error);
    desk.signIn(made.key, { stay: stay.checked });
    if (detail?.sessionId) desk.turn("room", { sessionId: detail.sessionId });
    return undefined;
  };
  const element = h(
    "section",
    { class: "screen" },
    h("h1", {}, t("signin.title")),
    h("p", { class: "lead" }, t("signin.lead")),
    detail?.link ? h("button", { class: "primary wide", type: "button", onclick: use }, t("signin.use_link")) : null,
    h(
      "form",
      { class: "lower", onsubmit: (event) => (event.preventDefault(), enter()) },
      // Password managers expect a user name beside a password.
      h("input", { type: "text", name: "username", autocomplete: "username", value: "instructor", hidden: true }),
      h("div", {}, h("label", { for: "secret" }, t("signin.secret")), secret, problem),
      h("label", { class: "check", for: "stay" }, stay, h("span", {}, t("signin.stay"))),
      h("button", { class: "primary wide", type: "submit" }, t("signin.enter")),
      h("p", { class: "quiet" }, t("signin.help")),
    ),
    passkeysPossible() ? h("div", { class: "lower" }, h("button", { class: "wide", type: "button", onclick: withPasskey }, t("passkey.use")), refused) : null,
    h(
      "form",
      { class: "lower", onsubmit: (event) => (event.preventDefault(), send()) },
      h("div", {}, h("label", { for: "address" }, t("signin.address")), address, sent),
      h("button", { class: "wide", type: "submit" }, t("signin.send")),
    ),
  );
  return { element };
}
