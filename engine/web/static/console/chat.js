/**
 * The panel of the chat: what was written, an answer, and the deletion of single messages.
 * @module
 */

import { h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { chatForm, chatList } from "../participant/chat.js";

/** What changes the list; the figures that come every second rebuild nothing. */
const CHANGES = new Set(["welcome", "chat_message", "session_update"]);

/**
 * @param {import("../room-state.js").RoomState} room
 * @param {import("../halcytone-client.js").HalcytoneClient} client
 * @param {(type: string, data?: object) => Promise<boolean>} command
 */
export function chatPanel(room, client, command) {
  /** @type {number | null} the message whose deletion waits for confirmation */
  let confirming = null;
  const heading = h("h2", { tabindex: "-1" }, t("chat.title"));
  const off = h("p", { class: "quiet" });
  const list = chatList(room, (line) => actions(line));
  const form = chatForm(room, client, { name: () => room.instructor, label: t("talk.answer"), sent: () => fill() });
  const element = h("section", { class: "card" }, heading, list.element, off, form);

  const fill = () => {
    form.hidden = !room.chat;
    off.hidden = room.chat;
    setText(off, t("talk.off"));
    const focus = focused();
    list.fill();
    if (focus && !list.element.contains(document.activeElement)) (list.element.querySelector(focus) ?? heading).focus();
  };
  /** What has the focus in the list, whose lines are made anew when they change; null outside of it. */
  const focused = () => {
    const at = list.element.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
    return at && `[data-seq="${at.closest("li")?.dataset.seq}"] [data-act="${at.dataset.act ?? ""}"]`;
  };
  /** @param {any} line */
  const actions = (line) => {
    const button = (/** @type {string} */ act, /** @type {string} */ text, /** @type {() => void} */ onclick, /** @type {object} */ more = {}) =>
      h("button", { type: "button", class: "small", "data-act": act, onclick, ...more }, text);
    if (confirming !== line.seq) {
      const label = t("talk.delete_named", { name: line.name, message: line.message });
      return h("div", { class: "person-actions" }, button("delete", t("talk.delete"), () => sure(line.seq, line.seq, "yes"), { "aria-label": label }));
    }
    const yes = button("yes", t("talk.delete_yes"), () => command("delete_message", { seq: line.seq }), { class: "danger small" });
    return h("div", { class: "person-actions" }, yes, button("no", t("console.never_mind"), () => sure(null, line.seq, "delete")));
  };
  /** Ask for confirmation before a deletion. @param {number | null} which @param {number} seq @param {string} act */
  const sure = (which, seq, act) => {
    confirming = which;
    fill();
    /** @type {HTMLElement | null} */ (list.element.querySelector(`[data-seq="${seq}"] [data-act="${act}"]`))?.focus();
  };
  const changed = (/** @type {any} */ event) => CHANGES.has(event.detail.type) && fill();
  room.addEventListener("change", changed);
  fill();
  return { element, close: () => room.removeEventListener("change", changed) };
}
