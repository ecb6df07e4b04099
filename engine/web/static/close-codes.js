/**
 * What a close code means, and how long to wait before coming back.
 *
 * 1000 is final. 1001, 1006 and 4000–4499 come back. 4500–4999 never.
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
 * @param {number} code
 * @returns {CloseClass}
 */
export function classOf(code) {
  if (code === CLOSE.NORMAL) return "final";
  if (code >= 4500 && code <= 4999) return "never";
  // Anything else is the network's or a proxy's doing: 1001, 1005, 1006, 1011–1015, 4000–4499.
  return "return";
}

/**
 * Seconds to wait at least, where a code says more than "the line broke".
 * @type {Map<number, number>}
 */
const AT_LEAST = new Map([
  [CLOSE.DRAINING, 1],
  [CLOSE.RATE, 5],
  [CLOSE.NOT_OPEN_YET, 15],
]);

/**
 * Milliseconds before the next attempt: doubles from half a second to fifteen seconds, half of it random,
 * so that a room of a thousand does not knock at one moment.
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

/** A room that opens in a week may be moved to tomorrow: whoever waits for it looks again after this long. */
const LOOK_AGAIN_MS = 300_000;
/** Never at once: two clocks may differ by a little. */
const SOON_MS = 500;
/** Those who wait for one moment come within this long of it. */
const SPREAD_MS = 4_000;

/**
 * Milliseconds to wait for a room that opens at a known moment. Never more than a timer can hold.
 * @param {number} left the server's milliseconds until then
 * @param {number} rate how fast the server's clock runs
 * @param {number} random 0 to 1
 */
function delayUntil(left, rate, random) {
  return Math.round(Math.max(SOON_MS, Math.min(LOOK_AGAIN_MS, left) / rate) + SPREAD_MS * random);
}

/**
 * Milliseconds until the next attempt.
 * @param {object} lost
 * @param {number} lost.code
 * @param {string} [lost.reason] a server that drains spreads the returns: `retry-after=2.5`
 * @param {number | null} [lost.left] the server's milliseconds until the room opens, where that was said
 * @param {number} [lost.rate] how fast the server's clock runs
 * @param {number} lost.attempt 0 for the first attempt after a working connection
 * @param {number} lost.random 0 to 1
 */
export function returnIn({ code, reason = "", left = null, rate = 1, attempt, random }) {
  if (left !== null) return delayUntil(left, rate, random);
  const asked = Number(/^retry-after=([\d.]+)/.exec(reason)?.[1] ?? 0) * 1000;
  return Math.max(asked, delayBefore(code, attempt, random));
}
