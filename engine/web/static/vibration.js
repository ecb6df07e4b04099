/**
 * A pacer by vibration: one pulse on the inhale, two on the exhale.
 * @module
 */

/** Whether this device vibrates; without it there is no switch. */
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
