/**
 * The question before something that cannot be taken back, below the button that asks for it.
 * @module
 */

import { h, show } from "../dom.js";
import { t } from "../i18n.js";

/**
 * @param {any} place an empty element, hidden until then
 * @param {any} from the button, which gets the focus back where nothing else takes it
 * @param {{question: string, yes: string}} words
 * @param {() => unknown} go done once it is confirmed
 */
export function confirmBefore(place, from, words, go) {
  const confirmed = async () => {
    yes.disabled = true;
    await go();
    place.hidden = true;
    if (place.contains(document.activeElement) || document.activeElement === document.body) from.focus();
  };
  const yes = h("button", { type: "button", class: "danger", onclick: confirmed }, words.yes);
  place.hidden = false;
  show(place, h("p", {}, words.question), yes, neverMind(place, from));
  yes.focus();
}

/** The button that closes an inline form; the focus returns to the button that opened it. @param {any} place @param {any} from */
export function neverMind(place, from) {
  return h("button", { type: "button", onclick: () => ((place.hidden = true), from.focus()) }, t("console.never_mind"));
}
