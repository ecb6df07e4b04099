/**
 * Close codes: whether a client reconnects after one, and after how long.
 *
 * 1000 is final. After 1001, 1006 and 4000–4499 clients reconnect, after 4500–4999 never.
 * @module
 */

/** @typedef {"final" | "return" | "never"} CloseClass */

export const CLOSE = Object.freeze({
  NORMAL: 1000,
  GOING_AWAY: 1001,
  ABNORMAL: 1006,
  DRAINING: 4000,
  TOO_SLOW: 4001,
  POSITION_LOST: 4002,
  SILENT: 4003,
  RATE: 4004,
  TOKEN_EXPIRED: 4005,
  MOVED: 4006,
  NOT_OPEN_YET: 4008,
  BAD_CREDENTIAL: 4500,
  WRONG_MESSAGES: 4501,
  NO_SUCH_SESSION: 4502,
  FULL: 4503,
  LIMIT: 4504,
  OVER: 4505,
  REMOVED: 4506,
  FORBIDDEN: 4507,
  REPLACED: 4508,
  LOCKED: 4509,
});

/**
 * Whether a session is over (`final`), to reconnect (`return`), or not to (`never`).
 * @param {number} code
 * @returns {CloseClass}
 */
export function classOf(code) {
  if (code === CLOSE.NORMAL) return "final";
  if (code >= 4500 && code <= 4999) return "never";
  // Everything else comes from the network or a proxy: 1001, 1005, 1006, 1011–1015, 4000–4499.
  return "return";
}

/**
 * Least seconds before a reconnect, for codes that ask for a pause.
 * @type {Map<number, number>}
 */
const AT_LEAST = new Map([
  [CLOSE.DRAINING, 1],
  [CLOSE.RATE, 5],
  [CLOSE.NOT_OPEN_YET, 15],
]);

/**
 * Milliseconds before the next attempt: exponential backoff from half a second to fifteen seconds, half of it random, so
 * that a room of a thousand does not reconnect at one moment.
 *
 * @param {number} code the code of the last close
 * @param {number} attempt 0 for the first attempt after a working connection
 * @param {number} random 0 to 1
 */
export function delayBefore(code, attempt, random) {
  const base = Math.min(15_000, 500 * 2 ** Math.min(attempt, 10));
  const floor = (AT_LEAST.get(code) ?? 0) * 1000;
  return Math.round(floor + base * (0.5 + 0.5 * random));
}

/** Longest wait for a room to open: it may be moved to an earlier time. */
const LOOK_AGAIN_MS = 300_000;
/** Least wait: two clocks may differ by a little. */
const SOON_MS = 500;
/** Those who wait for one moment reconnect spread over this time. */
const SPREAD_MS = 4_000;

/**
 * Milliseconds to wait for a room that opens at a known time.
 * @param {number} left the server's milliseconds until then
 * @param {number} rate how fast the server's clock runs
 * @param {number} random 0 to 1
 */
function delayUntil(left, rate, random) {
  return Math.round(Math.max(SOON_MS, Math.min(LOOK_AGAIN_MS, left) / rate) + SPREAD_MS * random);
}

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
export function returnIn({ code, reason = "", left = null, rate = 1, attempt, random }) {
  if (left !== null) return delayUntil(left, rate, random);
  const retryAfter = Number(/^retry-after=([\d.]+)/.exec(reason)?.[1] ?? 0) * 1000;
  return Math.max(retryAfter, delayBefore(code, attempt, random));
}

/**
 * The refused one of a client's two credentials, to connect once more without: as a new person, or by the resume alone.
 * @param {number} code @param {object} details @param {{token?: string | null, role?: string}} options
 */
export function wrongCredential(code, details, { token, role }) {
  if (code === CLOSE.BAD_CREDENTIAL && ("resume" in details || !token)) return "resume";
  return token && "token" in details && role !== "instructor" ? "token" : null;
}
