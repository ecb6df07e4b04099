/**
 * Close codes: whether a client reconnects after one, and after how long.
 *
 * 1000 is final. After 1001, 1006 and 4000–4499 clients reconnect, after 4500–4999 never.
 * @module
 */
export type CloseClass = "final" | "return" | "never";
/** @typedef {"final" | "return" | "never"} CloseClass */
export declare const CLOSE: Readonly<{
    NORMAL: 1000;
    GOING_AWAY: 1001;
    ABNORMAL: 1006;
    DRAINING: 4000;
    TOO_SLOW: 4001;
    POSITION_LOST: 4002;
    SILENT: 4003;
    RATE: 4004;
    TOKEN_EXPIRED: 4005;
    MOVED: 4006;
    NOT_OPEN_YET: 4008;
    BAD_CREDENTIAL: 4500;
    WRONG_MESSAGES: 4501;
    NO_SUCH_SESSION: 4502;
    FULL: 4503;
    LIMIT: 4504;
    OVER: 4505;
    REMOVED: 4506;
    FORBIDDEN: 4507;
    REPLACED: 4508;
    LOCKED: 4509;
}>;
/**
 * Whether a session is over (`final`), to reconnect (`return`), or not to (`never`).
 * @param {number} code
 * @returns {CloseClass}
 */
export declare function classOf(code: number): CloseClass;
/**
 * Milliseconds before the next attempt: exponential backoff from half a second to fifteen seconds, half of it random, so
 * that a room of a thousand does not reconnect at one moment.
 *
 * @param {number} code the code of the last close
 * @param {number} attempt 0 for the first attempt after a working connection
 * @param {number} random 0 to 1
 */
export declare function delayBefore(code: number, attempt: number, random: number): number;
/**
 * Milliseconds until the next attempt to connect.
 * @param {object} lost
 * @param {number} lost.code
 * @param {string} [lost.reason] a draining server gives each client its own delay: `retry-after=2.5`
 * @param {number | null} [lost.left] the server's milliseconds until the room opens, where the server said it
 * @param {number} [lost.rate] how fast the server's clock runs
 * @param {number} lost.attempt 0 for the first attempt after a working connection
 * @param {number} lost.random 0 to 1
 */
export declare function returnIn({ code, reason, left, rate, attempt, random }: {
    code: number;
    reason?: string;
    left?: number | null;
    rate?: number;
    attempt: number;
    random: number;
}): number;
/**
 * The refused one of a client's two credentials, to connect once more without: as a new person, or by the resume alone.
 * @param {number} code @param {object} details @param {{token?: string | null, role?: string}} options
 */
export declare function wrongCredential(code: number, details: object, { token, role }: {
    token?: string | null;
    role?: string;
}): "resume" | "token" | null;
