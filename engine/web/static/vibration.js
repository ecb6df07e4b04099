/**
 * One pulse on the inhale, two on the exhale, for eyes that are closed.
 * @module
 */

/** Devices without a motor get no switch for it. */
export const canVibrate = "vibrate" in navigator && matchMedia("(pointer: coarse)").matches;

export class Vibration {
  constructor() {
    this.on = false;
    this._step = "";
  }

  /** Follow the breath, once a frame. @param {import("./pacer.js").Breath | null} breath */
  follow(breath) {
    const step = breath ? `${breath.cycle}.${breath.index}` : "";
    if (step === this._step) return;
    this._step = step;
    if (!this.on || !breath) return;
    if (breath.name === "inhale") navigator.vibrate(70);
    if (breath.name === "exhale") navigator.vibrate([60, 90, 60]);
  }
}
