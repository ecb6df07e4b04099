/**
 * The link that somebody came by: whether it is older than the session's present time, and what to do when it opens
 * nothing.
 * @module
 */

import { forget, recall, remember } from "../memory.js";

const LIFETIME_MS = 24 * 3_600_000;

/**
 * Whether a session was moved since its link was sent: its token was made for another time, or this device saw another.
 * @param {string} sessionId
 * @param {string | null} token
 * @param {{scheduled_start?: string | null, created_at?: string | null}} room
 */
export function wasMoved(sessionId, token, { scheduled_start, created_at }) {
  const start = Date.parse(scheduled_start ?? "");
  if (!start) return false;
  const seen = recall(sessionId).start;
  if (!seen) remember(sessionId, { start });
  const expires = expiryOf(token);
  const made = Date.parse(created_at ?? "");
  // The token of a session that was created late is good from its creation on; its own time is in whole seconds.
  const other = expires && made ? Math.abs(expires - LIFETIME_MS - Math.max(start, made)) > 1_000 : false;
  return other || (Boolean(seen) && seen !== start);
}

/** When a token said that it would expire, in milliseconds; null for what is no token. @param {string | null} token */
function expiryOf(token) {
  try {
    const payload = (token ?? "").split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(atob(payload)).exp * 1000 || null;
  } catch {
    // A key, or a link that was cut short: the server says what it is worth.
    return null;
  }
}

/**
 * Come anew after a refused credential: as somebody else by the same link, and where that is not it, without the link.
 * @param {string} sessionId
 */
export function startAnew(sessionId) {
  const { identity, token } = recall(sessionId);
  forget(sessionId);
  if (identity && token) remember(sessionId, { token });
}
