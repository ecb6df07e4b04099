/**
 * The sheet over the practice screen: sound, raised hand, heart rate, chat.
 * @module
 */

import { h, setText, show } from "../dom.js";
import { t } from "../i18n.js";
import { canVibrate } from "../vibration.js";
import { chatPanel } from "./chat.js";
import { groupLine } from "./rest-card.js";
import { toggle } from "./toggle.js";

export class Sheet {
  /**
   * @param {any} visit
   * @param {{led: any, advance: (now: number) => void, vibration: any, tap: any}} practice
   */
  constructor(visit, { led, advance, vibration, tap }) {
    this._visit = visit;
    this._sounds = h("div", {});
    this._practice = { led, advance };
    this._heart = h("div", {});
    this._group = h("p", { class: "quiet" });
    this._chat = chatPanel(visit);
    this._hand = toggle(t("sheet.hand"), t("sheet.hand_note"), (on) => this._raise(on));
    /** @type {any} */
    this._other = null;
    this._note = h("p", { class: "quiet", role: "status" });
    this._title = h("h2", { id: "sheet-title", tabIndex: -1 }, t("sheet.title"));
    this.element = h(
      "dialog",
      { class: "sheet", "aria-labelledby": "sheet-title", onclick: (event) => event.target === this.element && this.element.close() },
      h(
        "div",
        { class: "sheet-inner" },
        this._title,
        this._sounds,
        canVibrate ? toggle(t("sheet.vibration"), t("sheet.vibration_note"), (on) => (vibration.on = on)).element : null,
        toggle(t("sheet.light"), t("sheet.light_note"), (on) => (document.body.dataset.tone = on ? "light" : "dark")).element,
        toggle(t("sheet.hold"), t("sheet.hold_note"), (on) => tap.turn(on)).element,
        this._hand.element,
        this._note,
        this._group,
        this._heart,
        this._chat.element,
        h("button", { class: "wide", type: "button", "aria-haspopup": "dialog", onclick: () => this._handOver() }, t("device.title")),
        h(
          "div",
          { class: "lower" },
          h("button", { class: "primary wide", type: "button", onclick: () => this.element.close() }, t("sheet.back")),
          h("button", { class: "wide", type: "button", onclick: () => this._visit.leave() }, t("sheet.leave")),
        ),
      ),
    );
    this._loadSounds();
  }

  async open() {
    setText(this._group, groupLine(this._visit.room.metrics));
    this._chat.fill();
    this.element.showModal();
    // Not on the first switch: those of the sounds may come a moment later, above it.
    this._title.focus();
    this._loadSounds();
    if (this._panel) return;
    // The strap's module is loaded on the first opening, not before the first breath.
    const { heartPanel } = await import("./heart.js").catch(() => ({ heartPanel: null }));
    // No network just now: the next opening tries again.
    if (!heartPanel || this._panel) return;
    this._panel = heartPanel(this._visit);
    show(this._heart, this._panel.element);
  }

  /** Load the switches of the sounds: before the sheet is opened, after the first frame. Without a network, later. */
  async _loadSounds() {
    const { soundPanel } = await import("./sound.js").catch(() => ({ soundPanel: null }));
    if (!soundPanel || this._sound || this._closed) return;
    const { led, advance } = this._practice;
    const panel = soundPanel(this._visit.client.clock, led, { tick: advance, say: (text) => setText(this._note, text) });
    this._sound = panel.sound;
    show(this._sounds, panel.element);
  }

  /** Let the sound follow what has changed, at once. */
  sounds() {
    this._sound?.tick();
  }

  close() {
    this._closed = true;
    this._sound?.close();
    this._panel?.close();
    this._chat.close();
    this._other?.element.close();
    if (this.element.open) this.element.close();
  }

  /** Show this person's own link for another device; its module is loaded when it is wanted. */
  async _handOver() {
    try {
      if (!this._other) {
        const { otherDeviceDialog } = await import("./other-device.js");
        this._other ??= otherDeviceDialog(this._visit);
        this.element.append(this._other.element);
      }
      await this._other.open();
    } catch {
      setText(this._note, t("line.not_sent"));
    }
  }

  /** @param {boolean} raised */
  async _raise(raised) {
    try {
      await this._visit.client.send("raise_hand", { raised });
      setText(this._note, raised ? t("sheet.hand_up") : "");
    } catch {
      this._hand.set(!raised);
      setText(this._note, t("line.not_sent"));
    }
  }
}
