/**
 * The instructor's console: sign-in, list of sessions, room, and draft desk.
 * @module
 */

import { importOrReload } from "./import-or-reload.js";
import { apiRequest } from "./api.js";
import { credential, keep, renewSecret, signOut } from "./console/credential.js";
import { BASE, showScreen } from "./dom.js";
import { loadStrings, t } from "./i18n.js";
import { followNewLinks } from "./memory.js";

/** Each screen is a module of its own; the first is loaded at once, the others in the background. */
const SCREENS = /** @type {Record<string, () => Promise<(desk: any, detail: any) => {element: Element, close?: () => void}>>} */ ({
  sign_in: async () => (await import("./console/sign-in.js")).signInScreen,
  sessions: async () => (await import("./console/sessions.js")).sessionsScreen,
  schedule: async () => (await import("./console/schedule.js")).scheduleScreen,
  series: async () => (await import("./console/series.js")).seriesScreen,
  techniques: async () => (await import("./console/own-techniques.js")).ownTechniquesScreen,
  team: async () => (await import("./console/team.js")).teamScreen,
  room: async () => (await import("./console/room.js")).roomScreen,
  desk: async () => (await import("./console/draft-desk.js")).deskScreen,
});

/** @type {{close?: () => void}} */
let current = {};

/** What the screens share. */
const desk = {
  credential: "",
  /** The session of the token, which opens no other; null for a key. */
  onlySession: /** @type {string | null} */ (null),
  /** @param {string} method @param {string} path @param {any} [body] */
  ask: (method, path, body) => apiRequest(method, path, { body, credential: desk.credential }),
  turn,
  signIn,
  /** Go on with the new secret of one's own key. @param {string} secret */
  renewed: (secret) => {
    desk.credential = secret;
    renewSecret(secret);
  },
  signOut: () => {
    signOut();
    desk.credential = "";
    // In the place of this page: on "Back" the browser would show it again as it was, signed in.
    location.replace(`${BASE}/console`);
  },
};

/**
 * @param {string} name
 * @param {any} [detail]
 */
async function turn(name, detail) {
  const before = current;
  const turning = {};
  current = turning;
  const make = await importOrReload(SCREENS[name]);
  before.close?.();
  if (current !== turning) return;
  document.title = t("console.title");
  document.body.dataset.screen = `console-${name}`;
  const made = make(desk, detail);
  current = made;
  showScreen(made.element, { focus: document.body.dataset.ready === "yes" });
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
  await loadStrings("console");
  followNewLinks();
  const fragment = new URLSearchParams(location.hash.slice(1));
  const sessionId = fragment.get("session");
  const token = fragment.get("token");
  if (sessionId && token) return signIn(token, { sessionId });
  const link = fragment.get("sign_in");
  if (link) {
    history.replaceState(null, "", location.pathname + location.search);
    return turn("sign_in", { link });
  }
  const known = credential();
  if (!known) return turn("sign_in", { sessionId });
  desk.credential = known.secret;
  desk.onlySession = known.sessionId;
  const room = known.sessionId ?? sessionId;
  return room ? turn("room", { sessionId: room }) : turn("sessions");
}

begin().then(() => Promise.allSettled(Object.values(SCREENS).map((load) => load())));
