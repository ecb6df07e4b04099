/**
 * The feedback form: a rating, a comment, and the permissions to publish it, both off by default.
 * @module
 */

import { h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { answerText } from "../refusals.js";

/** Version of the text that asks for the permissions; a changed text gets a new one. */
export const WORDS_VERSION = "2026-11";

/**
 * @param {(method: string, path: string, body?: any) => Promise<import("../api.js").ApiResponse>} me
 */
export function feedbackForm(me) {
  let rating = 0;
  const comment = h("textarea", { id: "comment", rows: "3", maxlength: "2000" });
  const quote = h("input", { type: "checkbox", id: "quote" });
  const name = h("input", { type: "checkbox", id: "quote-name" });
  const status = h("p", { class: "quiet", role: "status" });
  const send = () =>
    me("POST", "/feedback", {
      rating,
      ...(comment.value.trim() ? { comment: comment.value.trim() } : {}),
      publish_quote: quote.checked,
      publish_name: name.checked,
      ...(quote.checked || name.checked ? { version: WORDS_VERSION } : {}),
    });
  const element = h(
    "form",
    {
      hidden: true,
      class: "card",
      onsubmit: async (event) => {
        event.preventDefault();
        const answer = await send();
        setText(status, answer.ok ? t("after.words_thanks") : answerText(answer, t("after.not_now")));
      },
    },
    h("label", { for: "comment" }, t("after.words")),
    comment,
    h("label", { class: "check", for: "quote" }, quote, h("span", {}, t("after.quote"))),
    h("label", { class: "check", for: "quote-name" }, name, h("span", {}, t("after.quote_name"))),
    h("button", { type: "submit" }, t("after.send")),
    status,
  );
  return {
    element,
    /** @param {number} value 1 to 5 */
    async rate(value) {
      rating = value;
      element.hidden = false;
      const answer = await send();
      if (!answer.ok) throw new Error(answerText(answer, t("after.not_now")));
      return "sent";
    },
  };
}
