/**
 * What a wall stores in its tab, to survive a reload: the token, which is removed from the URL, and its identity. Only in
 * the tab: two walls are two clients.
 * @module
 */

import { store, stored } from "../tab-memory.js";

const storage = () => sessionStorage;
const place = (/** @type {string} */ sessionId) => `halcytone-wall:${sessionId}`;

/** @param {string} sessionId @returns {{token?: string | null, identity?: any}} */
export function recallSeat(sessionId) {
  return stored(storage, place(sessionId)) ?? {};
}

/** @param {string} sessionId @param {object} changes */
export function rememberSeat(sessionId, changes) {
  store(storage, place(sessionId), { ...recallSeat(sessionId), ...changes });
}
