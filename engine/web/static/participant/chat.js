/**
 * The chat panel, where the room allows chat. New messages are not announced.
 * @module
 */

import { h, show } from "../dom.js";
import { t } from "../i18n.js";
import { refusalText } from "../refusals.js";

/** @param {any} visit */
export function chatPanel(visit) {
  const { room, client } = visit;
  const list = h("ol", { class: "chat" });
  const note = h("p", { class: "quiet", role: "status" });
  const input = h("input", { id: "chat-line", maxlength: "500", autocomplete: "off", enterkeyhint: "send" });
  const form = h(
    "form",
    {
      class: "chat-form",
      onsubmit: async (event) => {
        event.preventDefault();
        const message = input.value.trim();
        if (!message) return;
        try {
          const { seq } = await client.send("chat", { message });
          // After a lost connection it may have come back already, with what was missed.
          if (!room.chatLog.some((line) => line.seq === seq)) room.chatLog.push({ name: visit.name, message, own: true, seq });
          input.value = "";
          note.textContent = "";
          fill();
        } catch (error) {
          note.textContent = refusalText(error);
        }
      },
    },
    h("label", { for: "chat-line" }, t("chat.say")),
    h("div", { class: "chat-row" }, input, h("button", { type: "submit" }, t("chat.send"))),
  );
  const element = h("section", {}, h("h3", {}, t("chat.title")), h("div", { role: "log", "aria-label": t("chat.title") }, list), form, note);

  const fill = () => {
    element.hidden = !room.chat;
    const lines = room.chatLog.slice(-50);
    show(
      list,
      ...(lines.length
        ? lines.map((line) => h("li", {}, h("b", {}, line.own ? t("chat.you") : line.name || t("chat.somebody")), " ", line.message))
        : [h("li", { class: "quiet" }, t("chat.none"))]),
    );
  };
  room.addEventListener("change", fill);
  fill();
  return { element, fill, close: () => room.removeEventListener("change", fill) };
}
