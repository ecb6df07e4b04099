/**
 * One draft: read it, change it, approve it, copy it, open the composer, take the mail along.
 * @module
 */

import { h, write } from "../dom.js";
import { t } from "../i18n.js";
import { mailFile } from "./mail-file.js";

/**
 * @param {any} draft `{channel, state, edited, content | subject + text + html, composer_url?, name?, note?, length?, limit?}`
 * @param {(method: string, rest: string, body?: any) => Promise<boolean>} act
 */
export function draftCard(draft, act) {
  const id = `draft-${draft.channel}`;
  const channel = encodeURIComponent(draft.channel);
  const mail = draft.channel === "email";
  const quote = draft.channel.startsWith("quote-");
  const name = t(quote ? "draft.quote" : `draft.${draft.channel}`);
  const said = h("p", { class: "quiet", role: "status" });
  const subject = mail ? h("input", { id: `${id}-subject`, maxlength: "200", value: draft.subject }) : null;
  const text = h("textarea", { id, rows: mail ? "12" : "5", readonly: quote });
  text.value = mail ? draft.text : draft.content;
  const changes = () => (mail ? { subject: subject.value, text: text.value } : { content: text.value });
  const save = h("button", { type: "button", disabled: true, onclick: () => act("PUT", channel, changes()) }, t("draft.save"));
  for (const field of [subject, text]) field?.addEventListener("input", () => (save.disabled = false));
  const decide = (verb, label, kind = "") => h("button", { type: "button", class: kind, onclick: () => act("POST", `${channel}/${verb}`) }, label);
  return h(
    "article",
    { class: "card", "data-draft": draft.channel, "data-state": draft.state },
    h("h3", {}, name, " ", h("span", { class: "badge" }, t(`draft.state.${draft.state}`)), draft.edited ? h("span", { class: "badge" }, t("draft.edited")) : null),
    draft.note ? h("p", { class: "note" }, draft.note) : null,
    quote ? h("p", { class: "quiet" }, draft.name ? t("draft.quote_by", { name: draft.name }) : t("draft.quote_unnamed")) : null,
    mail ? h("div", { class: "field" }, h("label", { for: subject.id }, t("draft.subject")), subject) : null,
    h("label", { for: id, class: mail ? "" : "only-read" }, t("draft.text", { channel: name })),
    text,
    typeof draft.limit === "number" ? h("p", { class: "quiet" }, t("draft.length", { length: draft.length, limit: draft.limit })) : null,
    h(
      "div",
      { class: "actions" },
      draft.state === "approved" ? null : decide("approve", t("draft.approve"), "primary"),
      draft.state === "withdrawn" ? null : decide("withdraw", t("draft.withdraw")),
      quote ? null : save,
      quote ? null : h("button", { type: "button", onclick: () => copy(text, said) }, t("share.copy")),
      draft.composer_url ? h("a", { class: "button", href: draft.composer_url, target: "_blank", rel: "noopener noreferrer" }, t("draft.open")) : null,
      mail ? h("button", { type: "button", onclick: () => download(draft, changes()) }, t("draft.download")) : null,
    ),
    said,
    mail ? h("p", { class: "quiet" }, t("draft.mail_note")) : null,
  );
}

/** @param {any} text @param {Element} said */
async function copy(text, said) {
  text.select();
  try {
    await navigator.clipboard.writeText(text.value);
    write(said, t("share.copied"));
  } catch {
    // Without HTTPS there is no clipboard: the text is selected, to be copied by hand.
    write(said, t("share.selected"));
  }
}

/** @param {any} draft @param {any} words */
function download(draft, words) {
  const file = new Blob([mailFile(words.subject, words.text, draft.html)], { type: "message/rfc822" });
  const link = h("a", { href: URL.createObjectURL(file), download: "newsletter.eml" });
  link.click();
  URL.revokeObjectURL(link.href);
}
