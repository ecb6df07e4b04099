/**
 * Detects that the device slept or the page was frozen.
 *
 * While a laptop sleeps, timers stand still, and on some systems so does `performance.now()`. How much time it missed
 * is taken from the device's date. When somebody sets the date by hand the result is wrong until the next ping.
 * @module
 */
export declare class SleepDetector {
    _woke: (missed: number) => void;
    _monotonic: () => number;
    _date: () => number;
    _look: () => void;
    _seen: number | undefined;
    _apart: number | undefined;
    _timer: number | undefined;
    /**
     * @param {(missed: number) => void} woke called once after each sleep, with the milliseconds that the local
     *   clock missed
     * @param {{monotonic?: () => number, date?: () => number}} [clocks]
     */
    constructor(woke: (missed: number) => void, { monotonic, date }?: {
        monotonic?: () => number;
        date?: () => number;
    });
    start(): void;
    stop(): void;
    /** Compare the clocks now. */
    look(): void;
}
