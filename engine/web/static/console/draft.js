/**
 * The card of one draft: read, change, look at, approve, copy, open the network's composer, download the mail.
 * @module
 */

import { h, setText, show } from "../dom.js";
import { has, t, timeWithZone } from "../i18n.js";
import { mailFile } from "./mail-file.js";
import { previewDialog } from "./newsletter-preview.js";
import { lengthOf } from "./post-length.js";

/**
 * @param {any} draft `{channel, state, edited, content | subject + text + html | recipients, composer_url?, name?, note?}`
 * @param {(method: string, rest: string, body?: any) => Promise<any>} act resolves to the changed draft, or null
 * @param {(now: any, card: Element) => void} become replaces this card by one of the changed draft
 * @param {() => Promise<string | null>} card the session's card as a `data:` URL
 * @returns {{element: any, isEdited: () => boolean, follow: (now: any) => void}} `follow` shows the mails of a newer draft beside unsaved text
 */
export function draftCard(draft, act, become, card) {
  const channel = encodeURIComponent(draft.channel);
  const mail = draft.channel === "email";
  const quote = draft.channel.startsWith("quote-");
  const key = quote ? "draft.quote" : `draft.${draft.channel}`;
  const name = has(key) ? t(key) : draft.channel;
  const status = h("p", { class: "quiet", role: "status" });
  const words = wordsOf(draft, name, quote);
  let changed = false;
  const then = async (method, rest, body) => {
    const now = await act(method, rest, body);
    if (now) become(now, element);
  };
  const decide = (verb, label, kind = "") =>
    h("button", {
      type: "button",
      class: kind,
      onclick: async () => {
        // Approving saves the text first.
        if (verb === "approve" && changed && !(await act("PUT", channel, words.value()))) return;
        await then("POST", `${channel}/${verb}`);
      },
    }, label);
  const save = h("button", { type: "button", disabled: true, onclick: () => then("PUT", channel, words.value()) }, t("draft.save"));
  words.element.addEventListener("input", () => {
    changed = true;
    save.disabled = false;
    count(lengthOf(draft.channel, words.area.value.trim()), "draft.length_about");
  });
  const preview = async () => {
    // What is being written is shown, and not saved by it.
    const [seen, picture] = await Promise.all([act("POST", `${channel}/preview`, changed ? words.value() : {}), card()]);
    if (seen) previewDialog(seen, picture, mail ? "" : t("preview.personal"));
  };
  const test = async () => {
    if (changed) return setText(status, t("draft.test_unsaved"));
    const sent = await act("POST", `${channel}/test`);
    return setText(status, sent ? t("draft.test_sent", { address: sent.address }) : "");
  };
  const long = h("p", {});
  /** @param {number} length @param {string} key */
  const count = (length, key) => {
    if (typeof draft.limit !== "number") return;
    setText(long, t(key, { length, limit: draft.limit }));
    long.className = length > draft.limit ? "error" : "quiet";
  };
  // The server counts exactly; while typing, this is close enough.
  count(draft.length, "draft.length");
  const goes = draft.sends_mail || draft.channel === "personal";
  const state = goesToNobody(draft) && draft.state === "approved" ? "to_nobody" : draft.state;
  const withdraw = decide("withdraw", "");
  const facts = h("div", {});
  /** Show what became of the mails by now; what is being written stays. @param {any} now */
  const follow = (now) => {
    setText(withdraw, t(now.state === "approved" && now.deliveries?.preparing ? "draft.stop" : "draft.withdraw"));
    show(facts, ...factsOf(now).map((text) => h("p", { class: "quiet" }, text)), now.waits_because ? h("p", { class: "note" }, t("draft.mail_waits", { reason: now.waits_because })) : null);
  };
  follow(draft);
  const element = h(
    "article",
    { class: "card", "data-draft": draft.channel, "data-state": draft.state },
    h("h3", { tabindex: "-1" }, name, " ", h("span", { class: "badge" }, t(`draft.state.${state}`)), " ", draft.edited ? h("span", { class: "badge" }, t("draft.edited")) : null),
    draft.note ? h("p", { class: "note" }, draft.note) : null,
    quote ? h("p", { class: "quiet" }, draft.name ? t("draft.quote_by", { name: draft.name }) : t("draft.quote_unnamed")) : null,
    facts,
    words.element,
    typeof draft.limit === "number" ? long : null,
    h(
      "div",
      { class: "actions" },
      draft.state === "approved" ? null : decide("approve", t(goes ? "draft.approve_send" : "draft.approve"), "primary"),
      draft.state === "withdrawn" ? null : withdraw,
      words.area && !quote ? save : null,
      mail || draft.channel === "personal" ? h("button", { type: "button", onclick: preview }, t("draft.preview")) : null,
      mail && draft.sends_mail ? h("button", { type: "button", onclick: test }, t("draft.test")) : null,
      words.area && !quote ? h("button", { type: "button", onclick: () => copy(words.area, status) }, t("share.copy")) : null,
      draft.composer_url ? h("a", { class: "button", href: draft.composer_url, target: "_blank", rel: "noopener noreferrer" }, t("draft.open")) : null,
      mail ? h("button", { type: "button", onclick: () => download(draft, words.value()) }, t("draft.download")) : null,
    ),
    status,
    mail && !draft.sends_mail ? h("p", { class: "quiet" }, t("draft.mail_note")) : null,
  );
  return { element, isEdited: () => changed, follow };
}

/** Whether a newsletter would go to nobody, and none has left. @param {any} draft */
function goesToNobody(draft) {
  return draft.channel === "email" && draft.sends_mail && draft.readers === 0 && !Object.keys(draft.deliveries ?? {}).length;
}

/** To how many a mail goes, when it leaves, and what became of each in sums. @param {any} draft */
function factsOf(draft) {
  const facts = [];
  const approved = draft.state === "approved";
  if (typeof draft.recipients === "number") facts.push(t("draft.recipients", { count: draft.recipients }));
  if (goesToNobody(draft)) facts.push(t("draft.no_readers"));
  else if (draft.sends_mail && draft.readers && !approved) facts.push(t("draft.readers", { count: draft.readers }));
  if (approved && draft.leaves_at) facts.push(t("draft.leaves", { time: timeWithZone(Date.parse(draft.leaves_at)) }));
  if (Object.keys(draft.deliveries ?? {}).length) facts.push(delivered(draft.deliveries));
  if (draft.paused_addresses) facts.push(t("draft.paused", { count: draft.paused_addresses }));
  return facts;
}

/**
 * The text of a draft: editable, except for quotes, which are their authors', and personal summaries.
 * @param {any} draft
 * @param {string} name
 * @param {boolean} quote
 */
function wordsOf(draft, name, quote) {
  const written = draft.text ?? draft.content;
  if (written === undefined) return { element: h("div", {}), area: null, value: () => ({}) };
  const id = `draft-${draft.channel}`;
  const mail = draft.channel === "email";
  const area = h("textarea", { id, rows: mail ? "12" : "5", readonly: quote });
  area.value = written;
  const subject = mail ? h("input", { id: `${id}-subject`, maxlength: "200", value: draft.subject }) : null;
  const element = h(
    "div",
    {},
    mail ? h("div", { class: "field" }, h("label", { for: subject.id }, t("draft.subject")), subject) : null,
    h("label", { for: id, class: mail ? "" : "only-read" }, t("draft.text", { channel: name })),
    area,
  );
  return { element, area, value: () => (mail ? { subject: subject.value, text: area.value } : { content: area.value }) };
}

/** The number of mails in each state; none counts as delivered before it is. @param {Record<string, number>} counts */
export function delivered(counts) {
  return Object.entries(counts)
    .map(([state, count]) => (has(`mail.${state}`) ? t(`mail.${state}`, { count }) : `${state}: ${count}`))
    .join(" · ");
}

/** @param {any} text @param {Element} status */
async function copy(text, status) {
  text.select();
  try {
    await navigator.clipboard.writeText(text.value);
    setText(status, t("share.copied"));
  } catch {
    // Without HTTPS there is no clipboard: select the text, to be copied by hand.
    setText(status, t("share.selected"));
  }
}

/** @param {any} draft @param {any} words */
function download(draft, words) {
  const file = new Blob([mailFile(words.subject, words.text, draft.html)], { type: "message/rfc822" });
  const link = h("a", { href: URL.createObjectURL(file), download: "newsletter.eml" });
  link.click();
  URL.revokeObjectURL(link.href);
}
