/**
 * Detects that the device slept or the page was frozen.
 *
 * While a laptop sleeps, timers stand still, and on some systems so does `performance.now()`. How much time it missed
 * is taken from the device's date. When somebody sets the date by hand the result is wrong until the next ping.
 * @module
 */

const CHECK_EVERY_MS = 1_000;
/** A timer of one second that is this late means that the page did not run. */
const LATE_MS = 5_000;
/** A smaller difference between the clocks is a routine correction of the date. */
const APART_MS = 2_000;

export class SleepDetector {
  /**
   * @param {(missed: number) => void} woke called once after each sleep, with the milliseconds that the local
   *   clock missed
   * @param {{monotonic?: () => number, date?: () => number}} [clocks]
   */
  constructor(woke, { monotonic = () => performance.now(), date = () => Date.now() } = {}) {
    this._woke = woke;
    this._monotonic = monotonic;
    this._date = date;
    this._look = () => this.look();
  }

  start() {
    this._seen = this._monotonic();
    this._apart = this._date() - this._seen;
    this._timer = setInterval(this._look, CHECK_EVERY_MS);
    globalThis.document?.addEventListener("visibilitychange", this._look);
  }

  stop() {
    clearInterval(this._timer);
    globalThis.document?.removeEventListener("visibilitychange", this._look);
  }

  /** Compare the clocks now. */
  look() {
    const now = this._monotonic();
    const apart = this._date() - now;
    const missed = Math.abs(apart - (this._apart ?? apart)) > APART_MS ? apart - (this._apart ?? apart) : 0;
    const late = now - (this._seen ?? now) > LATE_MS;
    this._seen = now;
    if (missed) this._apart = apart;
    if (missed || late) this._woke(missed);
  }
}
