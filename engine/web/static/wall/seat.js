/**
 * What one tab with a wall keeps over a reload: its token, which leaves the address at once, and who it is in the room.
 * In this tab only: two walls are two seats.
 * @module
 */

/** @param {string} sessionId @returns {{token?: string | null, identity?: any}} */
export function recallSeat(sessionId) {
  try {
    return JSON.parse(sessionStorage.getItem(`halcytone-wall:${sessionId}`) ?? "{}");
  } catch {
    // Storage can be switched off: then a wall that is reloaded needs its whole link again.
    return {};
  }
}

/** @param {string} sessionId @param {object} changes */
export function rememberSeat(sessionId, changes) {
  try {
    sessionStorage.setItem(`halcytone-wall:${sessionId}`, JSON.stringify({ ...recallSeat(sessionId), ...changes }));
  } catch {
    // As above.
  }
}
