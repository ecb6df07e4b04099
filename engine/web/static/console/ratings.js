/**
 * The panel of participants' ratings of each technique.
 * @module
 */

import { h, show } from "../dom.js";
import { number, t } from "../i18n.js";

export function ratingsPanel() {
  /** @type {Map<string, Map<string, number>>} technique → client → rating; the newest of each person counts */
  const ratings = new Map();
  const list = h("ul", { class: "people", "aria-live": "polite" });
  const element = h("section", { class: "card" }, h("h2", {}, t("listen_in.title")), list);
  const fill = () => {
    const rows = [...ratings].map(([technique, given]) => {
      const values = [...given.values()];
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const text = t("listen_in.rating", { mean: number(mean, { maximumFractionDigits: 1 }), count: values.length });
      return h("li", {}, h("span", { class: "person" }, technique), h("span", { class: "quiet" }, text));
    });
    show(list, ...(rows.length ? rows : [h("li", { class: "quiet" }, t("listen_in.none"))]));
  };
  const rate = (technique, client, rating) => {
    const given = ratings.get(technique) ?? new Map();
    given.set(client, rating);
    ratings.set(technique, given);
  };
  fill();
  return {
    element,
    /** @param {any} message */
    heard(message) {
      if (message.type === "welcome" && message.technique_ratings) {
        ratings.clear();
        for (const given of message.technique_ratings) rate(given.technique, given.client_id, given.rating);
        fill();
      } else if (message.type === "technique_feedback") {
        rate(message.content.technique, message.client_id, message.content.rating);
        fill();
      }
    },
  };
}
