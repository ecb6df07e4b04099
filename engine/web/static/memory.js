/**
 * What the browser stores of a session: this person's identity in it, and how it ended.
 * @module
 */

import { replaceAddress, store, stored } from "./tab-memory.js";

const storage = () => localStorage;
const place = (/** @type {string} */ sessionId) => `halcytone:${sessionId}`;

/**
 * @param {string} sessionId
 * @returns {any}
 */
export function recall(sessionId) {
  return stored(storage, place(sessionId)) ?? {};
}

/**
 * @param {string} sessionId
 * @param {object} changes
 */
export function remember(sessionId, changes) {
  store(storage, place(sessionId), { ...recall(sessionId), ...changes });
}

/** @param {string} sessionId */
export function forget(sessionId) {
  store(storage, place(sessionId), null);
}

/**
 * Read the URL's fragment and remove a token or somebody's secret from it, so that it stays out of screenshots and shared links.
 * @returns {URLSearchParams} the fragment
 */
export function takeFragment() {
  followNewLinks();
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (["token", "resume", "come"].some((name) => fragment.has(name))) replaceAddress(location.pathname + location.search);
  return fragment;
}

/** Reload when another link with a secret is pasted into the address bar: by itself a browser only changes the fragment. */
export function followNewLinks() {
  addEventListener("hashchange", () => {
    if (!/[#&](token|resume|come)=/.test(location.hash)) return;
    // The pasted link is another entry of the history.
    replaceAddress(location.href);
    location.reload();
  });
}
