/**
 * Where a client stands in the numbered messages of a session: in order, once each, no gap.
 *
 * A message that comes too early waits for the ones before it. Pure: no socket, no time.
 * @module
 */

/** @typedef {{type: string, seq?: number, epoch?: string, [key: string]: any}} Message */

export class Position {
  constructor() {
    /** @type {string | null} */
    this.epoch = null;
    /** The last number handed on. */
    this.seq = 0;
    /** @type {Map<number, Message | null>} what came too early; null where there is nothing to hand on */
    this._early = new Map();
  }

  /**
   * Begin where a welcome says: its `seq` is the position before the next numbered message.
   * @param {string} epoch
   * @param {number} seq
   */
  begin(epoch, seq) {
    this.epoch = epoch;
    this.seq = seq;
    this._early.clear();
  }

  /** Whether something is missing before what already came. */
  get hasGap() {
    return this._early.size > 0;
  }

  /**
   * Take one numbered message, or a number that has nothing to hand on (one's own chat).
   * @param {number} seq
   * @param {Message | null} message
   * @returns {Message[]} what can be handed on now, in order
   */
  take(seq, message) {
    if (seq <= this.seq || this._early.has(seq)) return [];
    this._early.set(seq, message);
    return this._advance();
  }

  /** Give up on what is missing, and hand on what waited for it. */
  skip() {
    if (this._early.size === 0) return [];
    this.seq = Math.min(...this._early.keys()) - 1;
    return this._advance();
  }

  /** @returns {Message[]} */
  _advance() {
    const ready = [];
    while (this._early.has(this.seq + 1)) {
      this.seq += 1;
      const message = this._early.get(this.seq);
      this._early.delete(this.seq);
      if (message) ready.push(message);
    }
    return ready;
  }
}
