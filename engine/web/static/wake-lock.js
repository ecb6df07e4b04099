/**
 * Keep the screen awake during the practice. Needs HTTPS; where it is missing the screen sleeps as it always does.
 * @module
 */

export class WakeLock {
  constructor() {
    /** @type {any} */
    this._lock = null;
    this.wanted = false;
    // The browser lets go whenever the page is hidden.
    document.addEventListener("visibilitychange", () => {
      if (this.wanted && document.visibilityState === "visible") this._ask();
    });
  }

  keep() {
    this.wanted = true;
    return this._ask();
  }

  async release() {
    this.wanted = false;
    await this._lock?.release();
    this._lock = null;
  }

  /** @returns {Promise<boolean>} whether the screen stays awake */
  async _ask() {
    try {
      this._lock = await /** @type {any} */ (navigator).wakeLock?.request("screen");
    } catch {
      // Low battery or a policy of the device: the practice goes on all the same.
      this._lock = null;
    }
    return Boolean(this._lock);
  }
}
