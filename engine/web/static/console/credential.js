/**
 * Stores the instructor's credential: for this tab, or on this device when asked to stay signed in. Never in a URL or cookie.
 * @module
 */

const PLACE = "halcytone-console";

/** @returns {{secret: string, sessionId: string | null} | null} */
export function credential() {
  try {
    return JSON.parse(sessionStorage.getItem(PLACE) ?? localStorage.getItem(PLACE) ?? "null");
  } catch {
    // Storage can be switched off: then one signs in again after a reload.
    return null;
  }
}

/** @param {string} secret @param {string | null} sessionId @param {boolean} stay */
export function keep(secret, sessionId, stay) {
  try {
    (stay ? localStorage : sessionStorage).setItem(PLACE, JSON.stringify({ secret, sessionId }));
  } catch {
    // As above.
  }
}

/** Keep a new secret where the one before was kept. @param {string} secret */
export function renewSecret(secret) {
  try {
    const place = sessionStorage.getItem(PLACE) === null ? localStorage : sessionStorage;
    place.setItem(PLACE, JSON.stringify({ secret, sessionId: null }));
  } catch {
    // As above.
  }
}

export function signOut() {
  try {
    sessionStorage.removeItem(PLACE);
    localStorage.removeItem(PLACE);
  } catch {
    // As above.
  }
}
