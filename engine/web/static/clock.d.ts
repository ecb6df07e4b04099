/**
 * An estimate of the server's clock.
 *
 * The device's own date may be wrong by an hour, so only `performance.now()` is used. Of a round of pings the one with the
 * lowest round trip gives the best estimate (Cristian's algorithm): its error is at most half that round trip, plus the
 * drift since. A new estimate is approached gradually, because a jump of the clock is a jump of the pacer.
 * @module
 */
export type Sample = {
    /**
     * local milliseconds at the middle of the round trip
     */
    at: number;
    /**
     * the server's milliseconds since the epoch, there
     */
    server: number;
    /**
     * milliseconds
     */
    roundTrip: number;
};
/**
 * @typedef {object} Sample
 * @property {number} at local milliseconds at the middle of the round trip
 * @property {number} server the server's milliseconds since the epoch, there
 * @property {number} roundTrip milliseconds
 */
export declare class ServerClock {
    monotonic: () => number;
    /** Rate of the server's clock; above 1 in a demonstration. */
    rate: number;
    /** Lowest round trip of the estimate in use, in milliseconds; Infinity before the first. */
    roundTrip: number;
    known: boolean;
    _at: number;
    _server: number;
    _slewFrom: number;
    _slew: number;
    /** @type {Sample | null} */
    _best: Sample | null;
    /** @param {() => number} [monotonic] local milliseconds that never jump */
    constructor(monotonic?: () => number);
    /**
     * Take a first, rough estimate from a welcome: late by the network's delay in one direction.
     * @param {number} serverMillis
     * @param {number} rate
     */
    start(serverMillis: number, rate: number): void;
    /**
     * Add the time for which the local clock stood still while the device slept. The next ping corrects it.
     * @param {number} missed local milliseconds that it did not count
     */
    slept(missed: number): void;
    /** Begin a round of pings. */
    beginRound(): void;
    /**
     * Take the answer of one ping. One with a lower round trip than the estimate's is used at once, others in `endRound`.
     * @param {number} sentAt local milliseconds
     * @param {number} receivedAt local milliseconds
     * @param {number} serverMillis
     */
    sample(sentAt: number, receivedAt: number, serverMillis: number): void;
    /** End a round: its best ping becomes the estimate, unless the present one is still better. */
    endRound(): void;
    /** The server's milliseconds since the epoch, now. */
    now(): number;
    /**
     * The server's milliseconds at a local moment.
     * @param {number} local
     */
    at(local: number): number;
    /**
     * Whether a ping is better than the present estimate, which ages. While a server is busy every round trip is long and
     * asymmetric: then an older one with a lower round trip is better, as long as the two do not contradict each other.
     * @param {Sample} sample
     */
    _isBetter(sample: Sample): boolean;
    /**
     * Measure the rate: the clock of a demonstration runs faster, until it has caught up with the present, unannounced.
     * @param {Sample} sample
     */
    _learnRate(sample: Sample): void;
    /** @param {Sample} sample */
    _adopt(sample: Sample): void;
}
