/**
 * What a wall stores in its tab, to survive a reload: the token, which is removed from the URL, and its identity. Only in
 * the tab: two walls are two clients.
 * @module
 */

/** @param {string} sessionId @returns {{token?: string | null, identity?: any}} */
export function recallSeat(sessionId) {
  try {
    return JSON.parse(sessionStorage.getItem(`halcytone-wall:${sessionId}`) ?? "{}");
  } catch {
    // Storage can be switched off: then a reloaded wall needs its link with the token again.
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
