/**
 * What a participant may keep: the session's page, a personal summary by mail, a text to share without health figures.
 * @module
 */

import { h, setText, show } from "../dom.js";
import { t } from "../i18n.js";
import { answerText } from "../refusals.js";
import { pageLink } from "../session-page.js";

/**
 * @param {(method: string, path: string, body?: any) => Promise<import("../api.js").ApiResponse>} me
 * @param {{title: string, page: string, others: number, left: boolean, credential: string | null}} about
 *   with a credential where the session is private
 */
export function keepsake(me, { title, page, others, left, credential }) {
  const status = h("p", { class: "quiet", role: "status" });
  const shared = h("p", { class: "quiet", role: "status" });
  const address = h("input", { id: "address", type: "email", autocomplete: "email", required: true });
  const text = others > 0 ? t("share.with", { count: others, title }) : t("share.alone", { title });
  // A private page is not shared: others cannot open it.
  const link = credential ? null : new URL(page, location.href).href;
  const byHand = h("div", {});
  const share = async () => {
    if (navigator.share) return navigator.share(link ? { text, url: link } : { text }).catch(() => {});
    const words = link ? `${text} ${link}` : text;
    try {
      await navigator.clipboard.writeText(words);
      return setText(shared, t("share.copied"));
    } catch {
      // Without HTTPS there is no clipboard: show and select the text, to be copied by hand.
      const field = h("textarea", { readonly: true, rows: "3", "aria-label": t("keep.share") }, words);
      show(byHand, field);
      field.select();
      return setText(shared, t("share.selected"));
    }
  };
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t("keep.title")),
    left ? null : h("p", {}, pageLink({ href: page, text: t("keep.page"), credential })),
    h("p", { class: "quiet" }, t("keep.page_note")),
    h("button", { type: "button", onclick: share }, t("keep.share")),
    byHand,
    shared,
    h(
      "form",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          const answer = await me("PUT", "/email", { address: address.value.trim() });
          setText(status, answer.ok ? t("keep.mail_thanks") : answerText(answer, t("after.not_now")));
        },
      },
      h("label", { for: "address" }, t("keep.mail")),
      h("div", { class: "chat-row" }, address, h("button", { type: "submit" }, t("keep.mail_send"))),
      status,
    ),
  );
}
