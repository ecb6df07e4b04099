/**
 * The list of participants: names and raised hands, no personal figures.
 * @module
 */

import { arrange, h, setText } from "../dom.js";
import { t } from "../i18n.js";

/** How many messages the welcome lists at most. */
const LOG_OF_A_WELCOME = 50;

/**
 * @param {import("../room-state.js").RoomState} room
 * @param {(type: string, data?: object) => Promise<boolean>} command
 */
export function peoplePanel(room, command) {
  /** @type {Map<string, {name: string, present: boolean, hand: boolean, vouched: boolean, stopped: boolean}>} */
  const people = new Map();
  const alerts = h("div", { role: "alert", class: "alerts" });
  const list = h("ul", { class: "people" });
  const heading = h("h2", { tabindex: "-1" });
  /** @type {Set<string>} whose alert was dismissed */
  const noted = new Set();
  /** @type {string | null} whose removal waits for confirmation */
  let confirming = null;
  /** Whether that removal deletes what they wrote. */
  let wordsToo = false;
  /** A console that was opened late knows the newest messages alone. @param {string} id */
  const mayHaveWritten = (id) => room.chatLog.length >= LOG_OF_A_WELCOME || room.chatLog.some((line) => line.clientId === id);
  /** @type {Map<string, {shows: string, element: HTMLElement}>} the rows that are shown, and what each shows */
  const rows = new Map();
  const element = h("section", { class: "card" }, heading, list);

  const fill = () => {
    const here = [...people].filter(([, person]) => person.present);
    // Raised hands and people who need to stop come first.
    here.sort(([, a], [, b]) => Number(b.stopped) - Number(a.stopped) || Number(b.hand) - Number(a.hand));
    setText(heading, t("people.title", { count: here.length }));
    const focus = focused();
    const before = new Map(rows);
    rows.clear();
    arrange(list, here.length ? here.map(([id, person]) => kept(before, id, person)) : [h("li", { class: "quiet" }, t("people.none"))]);
    if (focus && !list.contains(document.activeElement)) (list.querySelector(focus) ?? heading).focus();
  };
  /** The row of somebody: the one that is there, if it shows what is so. A press that has begun on it is not lost. */
  const kept = (before, id, person) => {
    const shows = JSON.stringify([person, confirming === id, confirming === id && mayHaveWritten(id)]);
    const there = before.get(id);
    const made = there?.shows === shows ? there : { shows, element: row(id, person) };
    rows.set(id, made);
    return made.element;
  };
  /** What has the focus in the list, whose rows are made anew when they change; null outside of it. */
  const focused = () => {
    const at = list.contains(document.activeElement) ? document.activeElement : null;
    const client = at?.closest("li")?.dataset.client;
    return at && `[data-client="${CSS.escape(client ?? "")}"] [data-act="${at.dataset.act ?? ""}"]`;
  };
  const row = (id, person) => {
    const vouch = h("input", { type: "checkbox", "data-act": "vouch", checked: person.vouched, onchange: () => vouchFor(id, vouch) });
    const actions = h("div", { class: "person-actions" });
    if (confirming === id) {
      const words = h("input", { type: "checkbox", "data-act": "words", checked: wordsToo, onchange: () => (wordsToo = words.checked) });
      const remove = () => command("remove_participant", { client_id: id, ...(wordsToo ? { delete_messages: true } : {}) });
      const yes = h("button", { type: "button", class: "danger small", "data-act": "yes", onclick: remove }, t("people.remove_yes", { name: person.name }));
      if (mayHaveWritten(id)) actions.append(h("label", { class: "check small" }, words, h("span", {}, t("people.remove_words"))));
      actions.append(yes, h("button", { type: "button", class: "small", "data-act": "no", onclick: () => sure(null, id, "remove") }, t("console.never_mind")));
    } else {
      const remove = h("button", { type: "button", class: "small", "data-act": "remove", "aria-label": t("people.remove_named", { name: person.name }), onclick: () => sure(id, id, "yes") }, t("people.remove"));
      actions.append(h("label", { class: "check small" }, vouch, h("span", {}, t("people.vouch"), h("span", { class: "only-read" }, ` ${person.name}`))), remove);
    }
    return h(
      "li",
      { "data-client": id },
      h("span", { class: "person" }, person.name, " ", person.hand ? h("span", { class: "badge" }, t("people.hand")) : null, " ", person.stopped ? h("span", { class: "badge danger" }, t("people.stopped")) : null),
      actions,
    );
  };
  /** Vouch for somebody or no longer; a box whose change was refused says what is so. @param {string} id @param {HTMLInputElement} box */
  const vouchFor = async (id, box) => {
    if (!(await command("vouch", { client_id: id, vouched: box.checked }))) box.checked = people.get(id)?.vouched ?? false;
  };
  /** Ask for confirmation before a removal. @param {string | null} whom @param {string} id @param {string} act */
  const sure = (whom, id, act) => {
    confirming = whom;
    wordsToo = false;
    fill();
    list.querySelector(`[data-client="${CSS.escape(id)}"] [data-act="${act}"]`)?.focus();
  };
  const note = (id, changes) => {
    people.set(id, { name: "", present: true, hand: false, vouched: false, stopped: false, ...people.get(id), ...changes });
    fill();
  };
  /** Show that somebody needs to stop, fixed on the screen until it is dismissed or they breathe along again. @param {string} id @param {string} name */
  const warn = (id, name) => {
    calm(id);
    const seen = () => (noted.add(id), alert.remove());
    const alert = h("div", { class: "alert", "data-client": id }, h("p", {}, t("people.needs_stop", { name })), h("button", { type: "button", onclick: seen }, t("people.seen")));
    alerts.prepend(alert);
  };
  /** Take the alert of somebody away. @param {string} id */
  const calm = (id) => alerts.querySelector(`[data-client="${CSS.escape(id)}"]`)?.remove();
  /** Show the alerts of those who have stopped and whose alert was not dismissed; what changed meanwhile was not told. */
  const align = () => {
    for (const [id, person] of people) {
      if (!person.stopped || !person.present) (noted.delete(id), calm(id));
      else if (!noted.has(id) && !alerts.querySelector(`[data-client="${CSS.escape(id)}"]`)) warn(id, person.name);
    }
  };
  fill();
  return {
    element,
    alerts,
    heading: () => heading.focus(),
    /** @param {any} message */
    heard(message) {
      const content = message.content ?? {};
      switch (message.type) {
        case "welcome":
          people.clear();
          // What the server says of seats holds, whatever was pressed while the line was away.
          rows.clear();
          for (const person of message.participants ?? []) people.set(person.client_id, { hand: false, vouched: false, stopped: false, ...person });
          fill();
          align();
          break;
        case "participant_joined":
          // Who comes anew comes as one who breathes along.
          note(content.client_id, { name: content.name, present: true, hand: false, stopped: false });
          align();
          break;
        case "participant_left":
          if (confirming === content.client_id) confirming = null;
          note(content.client_id, { present: false, hand: false });
          align();
          break;
        case "hand_raised":
          note(content.client_id, { name: content.name, hand: content.raised });
          break;
        case "seat_vouched":
          note(content.client_id, { vouched: content.vouched });
          break;
        case "need_to_stop":
          note(content.client_id, { name: content.name, stopped: content.stopped ?? true });
          noted.delete(content.client_id);
          if (content.stopped ?? true) warn(content.client_id, content.name);
          else calm(content.client_id);
          break;
        default:
          break;
      }
    },
  };
}
