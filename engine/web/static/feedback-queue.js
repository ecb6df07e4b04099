/**
 * A queue of feedback given while offline, which is sent after the next connect.
 *
 * Only feedback is queued: a raised hand or a chat line of five minutes ago is no longer what its sender means. A newer
 * one of the same type and technique replaces the older; at most forty are kept, each under the id it was sent with.
 * @module
 */

const MOST = 40;

export class FeedbackQueue {
  /** @param {(type: string, data: object, id?: string) => Promise<any>} send rejects with `offline` and the id */
  constructor(send) {
    this._send = send;
    /** @type {Map<string, {type: string, data: any, id?: string}>} */
    this._kept = new Map();
  }

  /** Number of queued items. */
  get size() {
    return this._kept.size;
  }

  /**
   * Send now, or queue for the next connect.
   * @param {string} type
   * @param {any} data
   * @param {string} [id] under which it was sent before
   * @returns {Promise<"sent" | "kept">}
   */
  async put(type, data, id) {
    try {
      await this._send(type, data, id);
      return "sent";
    } catch (error) {
      if (error.code !== "offline") throw error;
      const key = `${type}:${data.technique ?? ""}`;
      this._kept.delete(key);
      this._kept.set(key, { type, data, id: error.id });
      if (this._kept.size > MOST) this._kept.delete(this._kept.keys().next().value);
      return "kept";
    }
  }

  /** Send the queued items in order. */
  async flush() {
    const kept = [...this._kept.values()];
    this._kept.clear();
    for (const { type, data, id } of kept) {
      // What the server refuses now it would refuse again: drop it.
      await this.put(type, data, id).catch(() => "refused");
    }
  }
}
