/**
 * A client's position in the numbered messages of a session, which it hands on in order, once each and without a gap.
 *
 * A message that comes too early waits for the ones before it. Pure: no socket, no timers.
 * @module
 */

/** @typedef {{type: string, seq?: number, epoch?: string, [key: string]: any}} Message */

export class Position {
  constructor() {
    /** @type {string | null} */
    this.epoch = null;
    /** The `seq` of the last message handed on. */
    this.seq = 0;
    /** @type {Map<number, Message | null>} what came too early; null where there is nothing to hand on */
    this._early = new Map();
  }

  /**
   * Start at the position of a welcome: its `seq` is that of the last message before it.
   * @param {string} epoch
   * @param {number} seq
   */
  begin(epoch, seq) {
    this.epoch = epoch;
    this.seq = seq;
    this._early.clear();
  }

  /** Whether messages are missing before one that has come. */
  get hasGap() {
    return this._early.size > 0;
  }

  /**
   * Take one numbered message; null for a number without one (the client's own chat).
   * @param {number} seq
   * @param {Message | null} message
   * @returns {Message[]} what can be handed on now, in order
   */
  take(seq, message) {
    if (seq <= this.seq || this._early.has(seq)) return [];
    this._early.set(seq, message);
    return this._advance();
  }

  /** Skip what is missing, and return the messages that waited for it. */
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
