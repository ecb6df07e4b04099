/**
 * The switches of the sounds: the tone, the voice, and what the studio has for the background.
 * @module
 */

import { CueSound } from "../cue-sound.js";
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { toggle } from "./toggle.js";

/**
 * @param {import("../clock.js").ServerClock} clock
 * @param {any} led what `CueSound` asks for
 * @param {{tick: (now: number) => void, say: (text: string) => void}} practice
 */
export function soundPanel(clock, led, { tick, say }) {
  const sound = new CueSound(clock, led, tick);
  /** @type {Map<string, ReturnType<typeof toggle>>} */
  const switches = new Map();
  const add = (/** @type {string} */ what, /** @type {string} */ name, /** @type {string} */ note) => {
    const turn = async (/** @type {boolean} */ on) => {
      if (on && !isCue(what)) others(what);
      const sounds = await sound.turn(what, on);
      say(sounds ? "" : t("waiting.sound_none"));
      return sounds;
    };
    switches.set(what, toggle(name, note, turn));
  };
  /** Only one background at a time. @param {string} what */
  const others = (what) => {
    for (const [other, { set }] of switches) {
      if (isCue(other) || other === what) continue;
      sound.wanted.delete(other);
      set(false);
    }
  };
  add("tone", t("sheet.tone"), t("sheet.tone_note"));
  add("voice", t("sheet.voice"), t("sheet.voice_note"));
  for (const { name, address } of JSON.parse(document.documentElement.dataset.sounds ?? "[]")) add(address, name, t("sheet.background_note"));
  sound.changed = () => {
    for (const [what, { set }] of switches) set(sound.wanted.has(what));
  };
  return { element: h("div", {}, ...[...switches.values()].map((one) => one.element)), sound };
}

/** @param {string} what */
function isCue(what) {
  return what === "tone" || what === "voice";
}
