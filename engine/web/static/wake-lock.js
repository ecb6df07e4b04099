/**
 * Keeps the screen awake during the practice and just before it (Screen Wake Lock API). Does nothing without HTTPS.
 * @module
 */

/** Time until the lock is requested again after the device took it back. */
const RETRY_MS = 30_000;

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
    // The browser releases the lock when the page is hidden, and grants none to a hidden page.
    if (!this.wanted || this._lock || document.visibilityState !== "visible") return Boolean(this._lock);
    try {
      const lock = await /** @type {any} */ (navigator).wakeLock?.request("screen");
      if (!this.wanted) await lock?.release();
      else this._hold(lock);
    } catch {
      // Refused, for a low battery or by policy: the practice goes on without it.
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
      this._later = setTimeout(this._shown, RETRY_MS);
    });
  }
}
