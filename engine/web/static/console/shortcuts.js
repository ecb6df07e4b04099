/**
 * Keyboard shortcuts of a room: single letters, shown, and off for whoever switches them off.
 * @module
 */

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { toggle } from "../participant/toggle.js";

const KEPT_AS = "halcytone-shortcuts";

/**
 * @param {Record<string, () => any>} acts by their letter
 * @returns {{element: Element, close: () => void}} the card that names them
 */
export function shortcuts(acts) {
  let on = stored();
  const onKeydown = (/** @type {KeyboardEvent} */ event) => {
    const act = acts[event.key.toLowerCase()];
    if (!act || !on || event.repeat || event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act();
  };
  const control = toggle(t("keys.on"), t("keys.note"), (/** @type {boolean} */ wanted) => keep((on = wanted)));
  control.set(on);
  document.addEventListener("keydown", onKeydown);
  const rows = Object.keys(acts).map((letter) => h("div", {}, h("dt", {}, h("kbd", {}, letter.toUpperCase())), h("dd", {}, t(`keys.${letter}`))));
  const send = h("div", {}, h("dt", {}, h("kbd", {}, t("keys.ctrl")), " ", h("kbd", {}, t("keys.enter"))), h("dd", {}, t("keys.send")));
  return {
    element: h("section", { class: "card keys" }, h("h2", {}, t("keys.title")), h("dl", {}, ...rows, send), control.element),
    close: () => document.removeEventListener("keydown", onKeydown),
  };
}

/** Whether a key is a letter of a text just now. @param {EventTarget | null} target */
function isWriting(target) {
  return target instanceof Element && target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");
}

/** Without storage they are on. */
function stored() {
  try {
    return localStorage.getItem(KEPT_AS) !== "off";
  } catch {
    return true;
  }
}

/** @param {boolean} on */
function keep(on) {
  try {
    localStorage.setItem(KEPT_AS, on ? "on" : "off");
  } catch {
    // As above.
  }
}
