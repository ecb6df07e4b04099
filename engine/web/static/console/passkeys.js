/**
 * Passkeys: signing in with one, and the panel in which one's own are added and removed.
 * @module
 */

import { apiRequest } from "../api.js";
import { h, setText, show } from "../dom.js";
import { dateTime, t } from "../i18n.js";
import { answerText } from "../refusals.js";
import { confirmBefore } from "./confirmation.js";

/** An address without a name, for which no browser makes a passkey. */
const IP = /^[\d.]+$|:/;

/** Whether this browser makes and uses passkeys for this page. */
export function passkeysPossible() {
  const kind = /** @type {any} */ (globalThis).PublicKeyCredential;
  return typeof kind?.parseCreationOptionsFromJSON === "function" && typeof kind.parseRequestOptionsFromJSON === "function" && !IP.test(location.hostname);
}

/**
 * Sign in with a passkey.
 * @returns {Promise<{key: string} | {error: string}>} what stands for the key, or why there is none, in words
 */
export async function usePasskey() {
  const options = await apiRequest("POST", "/sign-in/passkey/options");
  if (!options.ok) return { error: answerText(options, t("console.offline")) };
  const answered = await answerOf(() => navigator.credentials.get({ publicKey: /** @type {any} */ (PublicKeyCredential).parseRequestOptionsFromJSON(options.data) }));
  if ("error" in answered) return answered;
  const answer = await apiRequest("POST", "/sign-in/passkey", { body: answered });
  return answer.ok ? { key: answer.data.key } : { error: answerText(answer, t("console.offline")) };
}

/**
 * What the browser's authenticator answers, as the server takes it.
 * @param {() => Promise<Credential | null>} ask
 * @returns {Promise<{credential: any} | {error: string}>}
 */
async function answerOf(ask) {
  try {
    return { credential: /** @type {any} */ (await ask()).toJSON() };
  } catch (wrong) {
    const name = /** @type {Error} */ (wrong).name;
    return { error: t(name === "InvalidStateError" ? "passkey.already" : "passkey.not_done") };
  }
}

/** @param {any} desk */
export function passkeysPanel(desk) {
  const heading = h("h2", { class: "group", tabindex: "-1" }, t("passkey.title"));
  const list = h("div", { class: "list" });
  const status = h("p", { role: "status" });
  const name = h("input", { id: "passkey-name", required: true, maxlength: "100", autocomplete: "off" });
  const form = h(
    "form",
    { class: "card", hidden: !passkeysPossible(), onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), add()) },
    h("div", { class: "field" }, h("label", { for: "passkey-name" }, t("passkey.name")), name),
    h("button", { class: "primary", type: "submit" }, t("passkey.add")),
  );
  const element = h("section", { hidden: true }, heading, h("p", { class: "quiet" }, t("passkey.lead")), list, form, status);

  const load = async () => {
    const answer = await desk.ask("GET", "/passkeys");
    // Whoever removes the one that they came with is signed out by it.
    if (answer.status === 401) return desk.turn("sign_in", { refused: true });
    if (!answer.ok) return setText(status, answerText(answer, t("console.offline")));
    const { passkeys } = answer.data;
    // From a browser that makes none, too, those of a lost device can be removed.
    element.hidden = form.hidden && !passkeys.length;
    show(list, ...(passkeys.length ? passkeys.map(card) : [h("p", { class: "quiet" }, t("passkey.none"))]));
    return undefined;
  };
  const add = async () => {
    setText(status, "");
    const options = await desk.ask("POST", "/passkeys/options");
    if (!options.ok) return setText(status, answerText(options, t("console.offline")));
    const publicKey = /** @type {any} */ (PublicKeyCredential).parseCreationOptionsFromJSON(options.data);
    const made = await answerOf(() => navigator.credentials.create({ publicKey }));
    if ("error" in made) return setText(status, made.error);
    const answer = await desk.ask("POST", "/passkeys", { name: name.value.trim(), ...made });
    if (!answer.ok) return setText(status, answerText(answer, t("console.offline")));
    name.value = "";
    await load();
    return setText(status, t("passkey.added"));
  };
  const card = (/** @type {any} */ passkey) => {
    const sure = h("div", { class: "inline-form", hidden: true });
    const remove = async () => {
      const answer = await desk.ask("DELETE", `/passkeys/${encodeURIComponent(passkey.id)}`);
      if (!answer.ok) return setText(status, answerText(answer, t("console.offline")));
      setText(status, "");
      await load();
      return heading.focus();
    };
    const ask = (/** @type {any} */ from) => confirmBefore(sure, from, { question: t("passkey.remove_sure", { name: passkey.name }), yes: t("passkey.remove_yes") }, remove);
    const when = (/** @type {string} */ at) => dateTime(Date.parse(at));
    return h(
      "article",
      { class: "card", "data-passkey": passkey.id },
      h("h3", {}, passkey.name),
      h("p", { class: "quiet" }, [t("passkey.made", { when: when(passkey.created_at) }), passkey.used_at ? t("passkey.used", { when: when(passkey.used_at) }) : null].filter(Boolean).join(" · ")),
      h("div", { class: "actions" }, h("button", { type: "button", class: "danger", onclick: (/** @type {Event} */ event) => ask(event.currentTarget) }, t("passkey.remove"))),
      sure,
    );
  };
  return { element, load };
}
