/**
 * What the browser remembers of a session: who one is in it, and how it ended. No cookies.
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
    // Storage can be switched off: then a reload begins anew, and that is all.
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
 * Take a token out of the address's fragment, so that it stays out of screenshots and shared links.
 * @returns {URLSearchParams} what stood there
 */
export function takeFragment() {
  followNewLinks();
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (fragment.has("token")) history.replaceState(null, "", location.pathname + location.search);
  return fragment;
}

/** Whoever pastes another link of the same page into its address means it: browsers alone would not open it. */
export function followNewLinks() {
  addEventListener("hashchange", () => location.hash.includes("token=") && location.reload());
}
