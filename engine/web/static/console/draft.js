/**
 * One draft: read it, change it, approve it, copy it, open the composer.
 * @module
 */

import { h, write } from "../dom.js";
import { t } from "../i18n.js";

/**
 * @param {any} draft `{channel, state, subject?, text, composer_url?, download_url?}`
 * @param {(method: string, rest: string, body?: any) => Promise<boolean>} act
 */
export function draftCard(draft, act) {
  const id = `draft-${draft.channel}`;
  const channel = encodeURIComponent(draft.channel);
  const said = h("p", { class: "quiet", role: "status" });
  const text = h("textarea", { id, rows: "6" });
  text.value = draft.text ?? draft.content ?? "";
  const approved = draft.state === "approved" || draft.state === "sent";
  const save = h("button", { type: "button", disabled: true, onclick: async () => (await act("PUT", channel, { text: text.value })) && write(said, t("draft.saved")) }, t("draft.save"));
  text.addEventListener("input", () => (save.disabled = false));
  const copy = async () => {
    text.select();
    try {
      await navigator.clipboard.writeText(text.value);
      write(said, t("share.copied"));
    } catch {
      // Without HTTPS there is no clipboard: the text is selected, to be copied by hand.
      write(said, t("share.selected"));
    }
  };
  return h(
    "article",
    { class: "card", "data-draft": draft.channel, "data-state": draft.state },
    h("h3", {}, t(`draft.${draft.channel}`), " ", h("span", { class: "badge" }, t(`draft.state.${draft.state}`))),
    draft.subject ? h("p", {}, h("b", {}, draft.subject)) : null,
    draft.note ? h("p", { class: "quiet" }, draft.note) : null,
    h("label", { for: id, class: "only-read" }, t("draft.text", { channel: t(`draft.${draft.channel}`) })),
    text,
    h(
      "div",
      { class: "actions" },
      save,
      approved
        ? h("button", { type: "button", onclick: () => act("POST", `${channel}/withdraw`) }, t("draft.withdraw"))
        : h("button", { type: "button", class: "primary", onclick: () => act("POST", `${channel}/approve`) }, t(draft.channel === "email" && draft.can_send ? "draft.approve_send" : "draft.approve")),
      h("button", { type: "button", onclick: copy }, t("share.copy")),
      draft.composer_url ? h("a", { class: "button", href: draft.composer_url, target: "_blank", rel: "noopener noreferrer" }, t("draft.open")) : null,
      draft.download_url ? h("a", { class: "button", href: draft.download_url, download: "" }, t("draft.download")) : null,
    ),
    said,
  );
}
