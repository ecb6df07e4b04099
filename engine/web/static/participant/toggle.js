/**
 * An accessible switch.
 * @module
 */

import { h, setText } from "../dom.js";

/**
 * A switch with a name and a description.
 * @param {string} name
 * @param {string | ((on: boolean) => string)} note what is so while it is on, or off, where that differs
 * @param {(on: boolean) => any} turn may resolve to false where it could not be switched on
 */
export function toggle(name, note, turn) {
  const described = h("span", { class: "quiet" }, typeof note === "string" ? note : "");
  const button = h(
    "button",
    {
      type: "button",
      role: "switch",
      class: "switch",
      "aria-checked": "false",
      onclick: async () => {
        const wanted = button.getAttribute("aria-checked") !== "true";
        set(wanted);
        // What could not be switched on is not said to be on.
        if (wanted && (await turn(wanted)) === false) set(false);
        else if (!wanted) turn(wanted);
      },
    },
    h("span", { class: "switch-text" }, h("span", {}, name), described),
    h("span", { class: "switch-track", "aria-hidden": "true" }, h("span", {})),
  );
  /** @param {boolean} on */
  const set = (on) => {
    button.setAttribute("aria-checked", String(on));
    if (typeof note !== "string") setText(described, note(on));
  };
  set(false);
  return { element: button, set };
}
