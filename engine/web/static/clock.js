/**
 * An estimate of the server's clock.
 *
 * The device's own date may be wrong by an hour, so only `performance.now()` is used. Of a round of pings the one with the
 * lowest round trip gives the best estimate (Cristian's algorithm): its error is at most half that round trip, plus the
 * drift since. A new estimate is approached gradually, because a jump of the clock is a jump of the pacer.
 * @module
 */

/** Speed of a gradual correction: milliseconds of correction per millisecond. */
const SLEW = 0.1;
/** Drift between two clocks at most: milliseconds per millisecond. A rate that was measured is known less well. */
const DRIFT = 0.0002;
const DRIFT_WHEN_FAST = 0.005;
/** A larger correction is applied at once: the device slept, or the server's clock was set. */
const TOO_FAR_MS = 3_000;

/**
 * @typedef {object} Sample
 * @property {number} at local milliseconds at the middle of the round trip
 * @property {number} server the server's milliseconds since the epoch, there
 * @property {number} roundTrip milliseconds
 */

export class ServerClock {
  /** @param {() => number} [monotonic] local milliseconds that never jump */
  constructor(monotonic = () => performance.now()) {
    this.monotonic = monotonic;
    /** Rate of the server's clock; above 1 in a demonstration. */
    this.rate = 1;
    /** Lowest round trip of the estimate in use, in milliseconds; Infinity before the first. */
    this.roundTrip = Infinity;
    this.known = false;
    this._at = 0;
    this._server = 0;
    this._slewFrom = 0;
    this._slew = 0;
    /** @type {Sample | null} */
    this._best = null;
  }

  /**
   * Take a first, rough estimate from a welcome: late by the network's delay in one direction.
   * @param {number} serverMillis
   * @param {number} rate
   */
  start(serverMillis, rate) {
    this.rate = rate;
    // An estimate from pings is better than any welcome's.
    if (this.known && this.roundTrip < Infinity) return;
    this._adopt({ at: this.monotonic(), server: serverMillis, roundTrip: Infinity });
  }

  /**
   * Add the time for which the local clock stood still while the device slept. The next ping corrects it.
   * @param {number} missed local milliseconds that it did not count
   */
  slept(missed) {
    this._server += this.rate * missed;
    this._slew = 0;
    this.roundTrip = Infinity;
    this._best = null;
  }

  /** Begin a round of pings. */
  beginRound() {
    this._best = null;
  }

  /**
   * Take the answer of one ping. One with a lower round trip than the estimate's is used at once, others in `endRound`.
   * @param {number} sentAt local milliseconds
   * @param {number} receivedAt local milliseconds
   * @param {number} serverMillis
   */
  sample(sentAt, receivedAt, serverMillis) {
    const roundTrip = receivedAt - sentAt;
    const sample = { at: sentAt + roundTrip / 2, server: serverMillis, roundTrip };
    if (this._best === null || roundTrip < this._best.roundTrip) this._best = sample;
    if (roundTrip < this.roundTrip) this._adopt(sample);
  }

  /** End a round: its best ping becomes the estimate, unless the present one is still better. */
  endRound() {
    if (this._best !== null && this._isBetter(this._best)) this._adopt(this._best);
    this._best = null;
  }

  /** The server's milliseconds since the epoch, now. */
  now() {
    return this.at(this.monotonic());
  }

  /**
   * The server's milliseconds at a local moment.
   * @param {number} local
   */
  at(local) {
    const target = this._server + this.rate * (local - this._at);
    const worked = SLEW * Math.max(0, local - this._slewFrom) * this.rate;
    const left = Math.max(0, Math.abs(this._slew) - worked);
    return target - Math.sign(this._slew) * left;
  }

  /**
   * Whether a ping is better than the present estimate, which ages. While a server is busy every round trip is long and
   * asymmetric: then an older one with a lower round trip is better, as long as the two do not contradict each other.
   * @param {Sample} sample
   */
  _isBetter(sample) {
    const drift = (this.rate === 1 ? DRIFT : DRIFT_WHEN_FAST) * (sample.at - this._at);
    const doubt = this.roundTrip / 2 + drift;
    if (sample.roundTrip / 2 <= doubt) return true;
    const apart = Math.abs(sample.server - this._server - this.rate * (sample.at - this._at)) / this.rate;
    return apart > doubt + sample.roundTrip / 2;
  }

  /**
   * Measure the rate: the clock of a demonstration runs faster, until it has caught up with the present, unannounced.
   * @param {Sample} sample
   */
  _learnRate(sample) {
    const passed = sample.at - this._at;
    if (!this.known || this.rate === 1 || passed < 1_000) return;
    const measured = (sample.server - this._server) / passed;
    this.rate = measured < 1.05 ? 1 : measured;
  }

  /** @param {Sample} sample */
  _adopt(sample) {
    const local = this.monotonic();
    const before = this.known ? this.at(local) : null;
    this._learnRate(sample);
    this._at = sample.at;
    this._server = sample.server;
    this.roundTrip = sample.roundTrip;
    const target = sample.server + this.rate * (local - sample.at);
    const jump = before === null ? 0 : target - before;
    this._slewFrom = local;
    this._slew = Math.abs(jump) > TOO_FAR_MS ? 0 : jump;
    this.known = true;
  }
}
