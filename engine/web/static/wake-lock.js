/**
 * Keep the screen awake during the practice. Needs HTTPS; where it is missing the screen sleeps as it always does.
 * @module
 */

/** A device that took the lock back, for its battery say, is asked again after this long. */
const ASK_AGAIN_MS = 30_000;

export class WakeLock {
  constructor() {
    /** @type {any} */
    this._lock = null;
    this.wanted = false;
    this._shown = () => this._ask();
  }

  keep() {
    if (!this.wanted) document.addEventListener("visibilitychange", this._shown);
    this.wanted = true;
    return this._ask();
  }

  async release() {
    this.wanted = false;
    document.removeEventListener("visibilitychange", this._shown);
    clearTimeout(this._later);
    const lock = this._lock;
    this._lock = null;
    await lock?.release();
  }

  /** @returns {Promise<boolean>} whether the screen stays awake */
  async _ask() {
    // The browser lets go whenever the page is hidden, and gives nothing to a hidden page.
    if (!this.wanted || this._lock || document.visibilityState !== "visible") return Boolean(this._lock);
    try {
      const lock = await /** @type {any} */ (navigator).wakeLock?.request("screen");
      if (!this.wanted) await lock?.release();
      else this._hold(lock);
    } catch {
      // Low battery or a policy of the device: the practice goes on all the same.
      this._lock = null;
    }
    return Boolean(this._lock);
  }

  _hold(lock) {
    this._lock = lock ?? null;
    lock?.addEventListener("release", () => {
      if (this._lock !== lock) return;
      this._lock = null;
      clearTimeout(this._later);
      this._later = setTimeout(this._shown, ASK_AGAIN_MS);
    });
  }
}
