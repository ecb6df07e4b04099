/**
 * The heart-rate panel: consents, strap, and the person's own figures.
 * @module
 */

import { h, setText } from "../dom.js";
import { number, t } from "../i18n.js";
import { isPossible, obstacle, Strap } from "../strap.js";

/** Version of the consent's text; a changed text gets a new one. */
export const CONSENT_VERSION = "2026-11";

/** States of the strap in which its rate is the heart's. */
const SENDING = new Set(["receiving", "no_intervals"]);

/** @param {any} visit */
export function heartPanel(visit) {
  const title = h("h3", {}, t("heart.title"));
  const never = obstacle();
  if (never) {
    return { element: h("section", { class: "heart" }, title, h("p", { class: "quiet" }, t(`heart.${never}`))), close: () => {} };
  }
  const { client, room } = visit;
  const strap = new Strap();
  const use = consentBox("consent-use", "heart.consent_use");
  const group = consentBox("consent-group", "heart.consent_group");
  const state = h("p", { class: "strap-state", role: "status" });
  const value = h("p", { class: "own-value" });
  const button = h("button", { type: "button", class: "wide", disabled: true }, t("heart.choose"));
  let agreed = false;

  const consent = async () => {
    button.disabled = !use.box.checked;
    if (!use.box.checked) {
      group.box.checked = false;
      strap.stop();
    }
    group.box.disabled = !use.box.checked;
    try {
      await client.send("consent", { heart_rate: use.box.checked, group: group.box.checked, version: CONSENT_VERSION });
      agreed = use.box.checked;
    } catch {
      agreed = false;
      setText(state, t("line.not_sent"));
    }
  };
  use.box.addEventListener("change", consent);
  group.box.addEventListener("change", consent);
  // Consents given before a reload still apply.
  const before = client.welcome?.consents ?? {};
  use.box.checked = before.heart_rate ?? false;
  group.box.checked = before.group ?? false;
  agreed = use.box.checked;
  button.disabled = !agreed;
  group.box.disabled = !agreed;
  const choose = async () => {
    await strap.choose();
    // On a phone held sideways the reason is below the edge of the screen.
    if (strap.isIdle) state.scrollIntoView({ block: "nearest" });
  };
  button.addEventListener("click", () => (strap.isIdle ? choose() : strap.stop()));

  const showState = () => {
    setText(state, t(`strap.${strap.state}`));
    element.dataset.strap = strap.state;
    setText(button, strap.isIdle ? t("heart.choose") : t("heart.stop"));
    if (!SENDING.has(strap.state)) setText(value, strap.state === "stale" && value.textContent ? value.textContent : "");
  };
  strap.addEventListener("state", showState);
  strap.addEventListener("measurement", (event) => {
    const { bpm, contact, rr } = /** @type {CustomEvent} */ (event).detail;
    if (SENDING.has(strap.state) && isPossible(bpm)) setText(value, ownLine(bpm, room.own));
    const data = { rr, bpm, ...(contact === null ? {} : { contact }) };
    if (agreed) client.tell("heart_rate", data);
  });
  // After a reconnect, send the consents again before the next beat.
  const again = () => use.box.checked && consent();
  client.addEventListener("welcome", again);
  const element = h(
    "section",
    { class: "heart", "data-strap": strap.state },
    title,
    h("p", { class: "quiet" }, t("heart.text")),
    use.element,
    group.element,
    button,
    state,
    value,
    h("p", { class: "quiet" }, t("heart.label")),
  );
  return {
    element,
    close: () => {
      client.removeEventListener("welcome", again);
      strap.stop();
    },
  };
}

/** @param {string} id @param {string} key */
function consentBox(id, key) {
  const box = h("input", { type: "checkbox", id });
  return { box, element: h("label", { class: "check", for: id }, box, h("span", {}, t(key))) };
}

/** The person's own figures: heart rate, HRV, and the amplitude of the breath's swing. @param {number} bpm @param {any} own */
function ownLine(bpm, own) {
  const parts = [t("heart.bpm", { bpm: number(bpm) })];
  if (!own || own.stale) return parts[0];
  if (own.state === "settling" || own.state === "measuring") parts.push(t("heart.settling", { count: own.remaining_s ?? 0 }));
  if (typeof own.rmssd === "number") parts.push(t("heart.rmssd", { ms: number(Math.round(own.rmssd)) }));
  if (typeof own.respiratory_amplitude === "number") parts.push(t("heart.swing", { ms: number(Math.round(own.respiratory_amplitude)) }));
  if (typeof own.coherence === "number") parts.push(t("heart.coherence", { ratio: number(own.coherence, { maximumFractionDigits: 1 }) }));
  if (own.quality === "low" || own.quality === "unusable") parts.push(t("heart.weak"));
  return parts.join(" · ");
}
