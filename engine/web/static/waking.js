/**
 * Notice that the device slept, the page was frozen, or came back from behind other windows.
 *
 * While a laptop sleeps, timers stand still, and on some systems so does `performance.now()`: whoever counts on it
 * has to be told how long the world went on without it. The date tells; when somebody sets the date by hand it tells
 * wrongly, until the server is asked a moment later.
 * @module
 */

const LOOK_EVERY_MS = 1_000;
/** A second that took this long was no second of an awake page. */
const LATE_MS = 5_000;
/** A smaller difference is the date being corrected, as networks do all the time. */
const APART_MS = 2_000;

export class Waking {
  /**
   * @param {(missed: number) => void} woke called once after each sleep, with the milliseconds that the local
   *   clock did not count
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
    this._timer = setInterval(this._look, LOOK_EVERY_MS);
    globalThis.document?.addEventListener("visibilitychange", this._look);
    globalThis.addEventListener?.("pageshow", this._look);
  }

  stop() {
    clearInterval(this._timer);
    globalThis.document?.removeEventListener("visibilitychange", this._look);
    globalThis.removeEventListener?.("pageshow", this._look);
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
