/**
 * The chat panel, where the room allows chat. New messages are not announced. The console's panel is made of the same parts.
 * @module
 */

import { arrange, h, takeWords } from "../dom.js";
import { t } from "../i18n.js";
import { refusalText } from "../refusals.js";

const SHOWN = 50;

/** @param {any} visit */
export function chatPanel(visit) {
  const { room, client } = visit;
  const list = chatList(room);
  const form = chatForm(room, client, { name: () => visit.name, label: t("chat.say"), sent: () => fill() });
  const element = h("section", {}, h("h3", {}, t("chat.title")), list.element, form);

  const fill = () => {
    element.hidden = !room.chat;
    list.fill();
  };
  room.addEventListener("change", fill);
  fill();
  return { element, fill, close: () => room.removeEventListener("change", fill) };
}

/**
 * The newest messages.
 * @param {import("../room-state.js").RoomState} room
 * @param {(line: any) => Node | null} [beside] what stands beside a message
 */
export function chatList(room, beside = () => null) {
  const list = h("ol", { class: "chat" });
  const fill = () => {
    const lines = room.chatLog.slice(-SHOWN);
    arrange(list, lines.length ? lines.map(kept) : [h("li", { class: "quiet" }, t("chat.none"))]);
  };
  /** The line of a message: the one that is there, if it is the same. A press that has begun on it is not lost. */
  const kept = (line) => {
    const made = chatLine(line, beside(line));
    const there = list.querySelector(`[data-seq="${line.seq}"]`);
    return there?.isEqualNode(made) ? there : made;
  };
  return { element: h("div", { role: "log", "aria-label": t("chat.title") }, list), fill };
}

/** @param {any} line @param {Node | null} beside */
function chatLine(line, beside) {
  const leads = line.byStaff ? [h("span", { class: "quiet" }, `(${t("chat.leads")})`), " "] : [];
  return h("li", { "data-seq": line.seq }, h("b", {}, line.own ? t("chat.you") : line.name || t("chat.somebody")), " ", ...leads, line.message, beside);
}

/**
 * The form that sends a message.
 * @param {import("../room-state.js").RoomState} room
 * @param {import("../halcytone-client.js").HalcytoneClient} client
 * @param {{name: () => string, label: string, sent: () => void}} options
 */
export function chatForm(room, client, { name, label, sent }) {
  const note = h("p", { class: "quiet", role: "status" });
  const input = h("input", { id: "chat-line", maxlength: "500", autocomplete: "off", enterkeyhint: "send" });
  return h(
    "form",
    {
      class: "chat-form",
      onsubmit: async (event) => {
        event.preventDefault();
        const { words: message, giveBack } = takeWords(input);
        if (!message) return;
        try {
          const { seq } = await client.send("chat", { message });
          // After a lost connection it may have come back already, with what was missed.
          if (!room.chatLog.some((line) => line.seq === seq)) room.chatLog.push({ name: name(), message, own: true, seq, clientId: room.clientId });
          note.textContent = "";
          sent();
        } catch (error) {
          giveBack();
          note.textContent = refusalText(error);
        }
      },
    },
    h("label", { for: "chat-line" }, label),
    h("div", { class: "chat-row" }, input, h("button", { type: "submit" }, t("chat.send"))),
    note,
  );
}
