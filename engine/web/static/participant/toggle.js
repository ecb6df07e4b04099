/**
 * An accessible switch.
 * @module
 */

import { h } from "../dom.js";

/**
 * A switch with a name and a description.
 * @param {string} name
 * @param {string} note
 * @param {(on: boolean) => any} turn
 */
export function toggle(name, note, turn) {
  const button = h(
    "button",
    {
      type: "button",
      role: "switch",
      class: "switch",
      "aria-checked": "false",
      onclick: () => {
        set(button.getAttribute("aria-checked") !== "true");
        turn(button.getAttribute("aria-checked") === "true");
      },
    },
    h("span", { class: "switch-text" }, h("span", {}, name), h("span", { class: "quiet" }, note)),
    h("span", { class: "switch-track", "aria-hidden": "true" }, h("span", {})),
  );
  /** @param {boolean} on */
  const set = (on) => button.setAttribute("aria-checked", String(on));
  return { element: button, set };
}
