/**
 * The panels of announcements and chat, and of the room's lock.
 * @module
 */

import { h, setText, takeWords } from "../dom.js";
import { t } from "../i18n.js";
import { toggle } from "../participant/toggle.js";

/** @param {(type: string, data?: object) => Promise<boolean>} command */
export function messagesPanel(command) {
  const message = h("textarea", { id: "words", rows: "2", maxlength: "2000", required: true });
  const status = h("p", { class: "quiet only-here", role: "status" });
  const title = h("input", { id: "achieved", maxlength: "200", required: true });
  const form = (children, send) => h("form", { class: "form", onsubmit: (event) => (event.preventDefault(), send()) }, ...children);
  // As in other programs that send what is written; Enter alone is a new line.
  message.addEventListener("keydown", (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && message.form?.requestSubmit());
  return {
    words: () => message.focus(),
    element: h(
      "section",
      { class: "card" },
      h("h2", {}, t("say.title")),
      form(
        [h("div", {}, h("label", { for: "words" }, t("say.words")), message), h("button", { type: "submit" }, t("say.send")), status],
        async () => {
          setText(status, "");
          const { words, giveBack } = takeWords(message);
          if (await command("announce", { title: t("say.from"), message: words })) setText(status, t("say.sent"));
          else giveBack();
        },
      ),
      h(
        "details",
        {},
        h("summary", {}, t("say.achievement")),
        form([h("div", {}, h("label", { for: "achieved" }, t("say.achieved")), title), h("button", { type: "submit" }, t("say.share"))], async () => {
          const { words, giveBack } = takeWords(title);
          if (!(await command("unlock_achievement", { title: words }))) giveBack();
        }),
      ),
    ),
  };
}

/**
 * @param {import("../room-state.js").RoomState} room
 * @param {(type: string, data?: object) => Promise<boolean>} command
 */
export function lockPanel(room, command) {
  const lock = toggle(t("door.lock"), (on) => t(on ? "door.locked" : "door.open"), (on) => command("lock", { locked: on }));
  const chat = toggle(t("door.chat"), (on) => t(on ? "door.chat_on" : "door.chat_off"), (on) => command("chat", { enabled: on }));
  room.addEventListener("change", () => {
    lock.set(room.locked);
    chat.set(room.chat);
  });
  return { element: h("section", { class: "card" }, h("h2", {}, t("door.title")), lock.element, chat.element) };
}
