/**
 * Heartbeats: rounds of eight pings that measure the server's clock, every thirty seconds, and keep-alives between.
 *
 * One ping is pending at a time, so an answer needs no id. A ping without an answer for six seconds means that the
 * connection is dead without being closed.
 * @module
 */
export declare class Pings {
    _clock: import("./clock.js").ServerClock;
    _ping: () => boolean;
    _onStalled: () => void;
    _left: number;
    /** @type {number | null} local milliseconds of the pending ping */
    _sentAt: number | null;
    _deadline: number | undefined;
    _next: number | undefined;
    _beats: number | undefined;
    _rounds: number | undefined;
    /**
     * @param {import("./clock.js").ServerClock} clock
     * @param {() => boolean} ping sends one heartbeat
     * @param {() => void} stalled called once when an answer does not come
     */
    constructor(clock: import("./clock.js").ServerClock, ping: () => boolean, stalled: () => void);
    /** @param {number} interval seconds between heartbeats that the server asks for */
    start(interval: number): void;
    stop(): void;
    /** Check the connection now: after a sleep, or when the browser reports the network back. */
    probe(): void;
    /**
     * After a sleep: start a new round with a short timeout. False while a ping is pending: its answer may be from before
     * the sleep, and its time out of date.
     */
    again(): boolean;
    /** Call for every message: it proves that the connection lives. */
    heard(): void;
    /** @param {number} serverMillis */
    answered(serverMillis: number): void;
    _again(every: any): void;
    _roundAgain(): void;
    _round(within?: number): void;
    /** @param {number} within */
    _one(within: number): void;
}
