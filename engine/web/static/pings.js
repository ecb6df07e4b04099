/**
 * Heartbeats: rounds of eight pings that measure the server's clock, every thirty seconds, and keep-alives between.
 *
 * One ping is pending at a time, so an answer needs no id. A ping without an answer for six seconds means that the
 * connection is dead without being closed.
 * @module
 */

const ROUND = 8;
const ROUND_EVERY_MS = 30_000;
const BETWEEN_MS = 40;
const ANSWER_WITHIN_MS = 6_000;
const PROBE_WITHIN_MS = 3_000;

export class Pings {
  /**
   * @param {import("./clock.js").ServerClock} clock
   * @param {() => boolean} ping sends one heartbeat
   * @param {() => void} stalled called once when an answer does not come
   */
  constructor(clock, ping, stalled) {
    this._clock = clock;
    this._ping = ping;
    this._onStalled = stalled;
    this._left = 0;
    /** @type {number | null} local milliseconds of the pending ping */
    this._sentAt = null;
  }

  /** @param {number} interval seconds between heartbeats that the server asks for */
  start(interval) {
    this.stop();
    this._again(interval * 1000);
    this._roundAgain();
  }

  stop() {
    clearTimeout(this._rounds);
    clearTimeout(this._beats);
    clearTimeout(this._next);
    clearTimeout(this._deadline);
    this._sentAt = null;
    this._left = 0;
  }

  /** Check the connection now: after a sleep, or when the browser reports the network back. */
  probe() {
    this._one(PROBE_WITHIN_MS);
  }

  /**
   * After a sleep: start a new round with a short timeout. False while a ping is pending: its answer may be from before
   * the sleep, and its time out of date.
   */
  again() {
    if (this._sentAt !== null) return false;
    clearTimeout(this._next);
    this._round(PROBE_WITHIN_MS);
    return true;
  }

  /** Call for every message: it proves that the connection lives. */
  heard() {
    if (this._sentAt === null) return;
    clearTimeout(this._deadline);
    this._deadline = setTimeout(() => this._onStalled(), ANSWER_WITHIN_MS);
  }

  /** @param {number} serverMillis */
  answered(serverMillis) {
    clearTimeout(this._deadline);
    if (this._sentAt === null) return;
    this._clock.sample(this._sentAt, this._clock.monotonic(), serverMillis);
    this._sentAt = null;
    if (this._left === 0) return;
    this._left -= 1;
    if (this._left === 0) this._clock.endRound();
    else this._next = setTimeout(() => this._one(ANSWER_WITHIN_MS), BETWEEN_MS);
  }

  // Both intervals are of the server's clock, which runs faster in a demonstration.
  _again(every) {
    this._beats = setTimeout(() => {
      this._one(ANSWER_WITHIN_MS);
      this._again(every);
    }, every / this._clock.rate);
  }

  _roundAgain() {
    this._round();
    this._rounds = setTimeout(() => this._roundAgain(), ROUND_EVERY_MS / this._clock.rate);
  }

  _round(within = ANSWER_WITHIN_MS) {
    this._clock.beginRound();
    this._left = ROUND;
    this._one(within);
  }

  /** @param {number} within */
  _one(within) {
    if (this._sentAt !== null) return;
    this._sentAt = this._clock.monotonic();
    if (!this._ping()) {
      this._sentAt = null;
      return;
    }
    this._deadline = setTimeout(() => this._onStalled(), within);
  }
}
