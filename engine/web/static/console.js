/**
 * The instructor's console: sign in, the list of sessions, the room, and the desk after it.
 * @module
 */

import { ask } from "./api.js";
import { credential, keep, signOut } from "./console/credential.js";
import { deskScreen } from "./console/desk.js";
import { roomScreen } from "./console/room.js";
import { scheduleScreen } from "./console/schedule.js";
import { sessionsScreen } from "./console/sessions.js";
import { signInScreen } from "./console/sign-in.js";
import { BASE, turnTo } from "./dom.js";
import { loadStrings, t } from "./i18n.js";
import { followNewLinks } from "./memory.js";

const SCREENS = /** @type {Record<string, (desk: any, detail: any) => {element: Element, close?: () => void}>} */ ({
  sign_in: signInScreen,
  sessions: sessionsScreen,
  schedule: scheduleScreen,
  room: roomScreen,
  desk: deskScreen,
});

/** @type {{close?: () => void}} */
let current = {};

/** What the screens share. */
const desk = {
  credential: "",
  /** A token of one session opens that session alone. */
  onlySession: /** @type {string | null} */ (null),
  /** @param {string} method @param {string} path @param {any} [body] */
  ask: (method, path, body) => ask(method, path, { body, credential: desk.credential }),
  turn,
  signIn,
  signOut: () => {
    signOut();
    location.assign(`${BASE}/console`);
  },
};

/**
 * @param {string} name
 * @param {any} [detail]
 */
function turn(name, detail) {
  current.close?.();
  document.title = t("console.title");
  document.body.dataset.screen = `console-${name}`;
  const made = SCREENS[name](desk, detail);
  current = made;
  turnTo(made.element, { focus: document.body.dataset.ready === "yes" });
  document.body.dataset.ready = "yes";
  const address = detail?.sessionId ? `#session=${encodeURIComponent(detail.sessionId)}` : "#";
  history.replaceState(null, "", location.pathname + location.search + (name === "room" || name === "desk" ? address : ""));
}

/**
 * @param {string} secret a key, or the token of a session
 * @param {{stay?: boolean, sessionId?: string | null}} how
 */
function signIn(secret, { stay = false, sessionId = null } = {}) {
  desk.credential = secret;
  desk.onlySession = sessionId;
  keep(secret, sessionId, stay);
  if (sessionId) turn("room", { sessionId });
  else turn("sessions");
}

async function begin() {
  await loadStrings();
  followNewLinks();
  const fragment = new URLSearchParams(location.hash.slice(1));
  const sessionId = fragment.get("session");
  const token = fragment.get("token");
  if (sessionId && token) return signIn(token, { sessionId });
  const known = credential();
  if (!known) return turn("sign_in", { sessionId });
  desk.credential = known.secret;
  desk.onlySession = known.sessionId;
  if (known.sessionId ?? sessionId) turn("room", { sessionId: known.sessionId ?? sessionId });
  else turn("sessions");
}

begin();
