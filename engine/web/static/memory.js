/**
 * What the browser stores of a session, in localStorage: this person's identity in it, and how it ended. No cookies.
 * @module
 */

/**
 * @param {string} sessionId
 * @returns {any}
 */
export function recall(sessionId) {
  try {
    return JSON.parse(localStorage.getItem(`halcytone:${sessionId}`) ?? "{}");
  } catch {
    // Storage can be switched off: then a reload starts over.
    return {};
  }
}

/**
 * @param {string} sessionId
 * @param {object} changes
 */
export function remember(sessionId, changes) {
  try {
    localStorage.setItem(`halcytone:${sessionId}`, JSON.stringify({ ...recall(sessionId), ...changes }));
  } catch {
    // As above.
  }
}

/** @param {string} sessionId */
export function forget(sessionId) {
  try {
    localStorage.removeItem(`halcytone:${sessionId}`);
  } catch {
    // As above.
  }
}

/**
 * Read the URL's fragment and remove a token or somebody's secret from it, so that it stays out of screenshots and shared links.
 * @returns {URLSearchParams} the fragment
 */
export function takeFragment() {
  followNewLinks();
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (["token", "resume", "come"].some((name) => fragment.has(name))) history.replaceState(null, "", location.pathname + location.search);
  return fragment;
}

/** Reload when another link with a secret is pasted into the address bar: by itself a browser only changes the fragment. */
export function followNewLinks() {
  addEventListener("hashchange", () => /[#&](token|resume|come)=/.test(location.hash) && location.reload());
}
