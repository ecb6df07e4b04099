/**
 * A question with five rating buttons.
 * @module
 */

import { h } from "../dom.js";
import { t } from "../i18n.js";
import { refusalText } from "../refusals.js";

/**
 * @param {string} question
 * @param {(rating: number) => Promise<any>} rate
 */
export function ratingButtons(question, rate) {
  const thanks = h("p", { class: "quiet", role: "status" });
  const buttons = [1, 2, 3, 4, 5].map((rating) =>
    h("button", { type: "button", class: "rate", "aria-label": `${rating}: ${t(`rating.${rating}`)}`, onclick: () => chosen(rating) }, String(rating)),
  );
  const group = h(
    "fieldset",
    { class: "rating" },
    h("legend", {}, question),
    h("div", { class: "rate-row" }, ...buttons),
    h("div", { class: "rate-ends quiet", "aria-hidden": "true" }, h("span", {}, t("rating.1")), h("span", {}, t("rating.5"))),
    thanks,
  );
  /** @param {number} rating */
  async function chosen(rating) {
    for (const [index, button] of buttons.entries()) button.setAttribute("aria-pressed", String(index + 1 === rating));
    try {
      const how = await rate(rating);
      thanks.textContent = t(how === "kept" ? "rating.kept" : "rating.thanks");
    } catch (error) {
      thanks.textContent = refusalText(error);
    }
  }
  return group;
}
