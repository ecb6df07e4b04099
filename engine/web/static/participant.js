/**
 * The participant's page, from the link to the end: which screen is shown, and the connection they share.
 * @module
 */

import { importOrReload } from "./import-or-reload.js";
import { apiRequest, sessionPath } from "./api.js";
import { showScreen } from "./dom.js";
import { loadStrings, t } from "./i18n.js";
import { recall, remember, takeFragment } from "./memory.js";
import { entryScreen } from "./participant/entry.js";
import { wasMoved } from "./participant/invitation.js";
import { RoomState } from "./room-state.js";

const sessionId = decodeURIComponent(location.pathname.split("/").filter(Boolean).pop() ?? "");
const fragment = takeFragment();
const memory = recall(sessionId);
/** The secret of somebody who goes on here from another device. */
const handed = fragment.get("resume");
/** The secret of somebody who has said that they come, and has not been here yet. */
const coming = fragment.get("come");
if (coming && !memory.identity) {
  // Whoever changed the name here before keeps that one.
  memory.name ??= fragment.get("name");
  remember(sessionId, { identity: { resume: coming }, name: memory.name });
}
const token = fragment.get("token") ?? memory.token ?? null;

/** Modules of the room: loaded in the background while the entry is read. */
const inside = async () => ({ ...(await import("./halcytone-client.js")), ...(await import("./gentle-choice.js")) });
/** @type {any} what `inside` brought */
let inner = {};

/** For how long one who joins waits for the answer to what they said before, on a slow line. */
const ANSWERED_WITHIN_MS = 2_000;

/** The state that the screens share. */
const visit = {
  sessionId,
  token,
  room: new RoomState(),
  /** @type {import("./halcytone-client.js").HalcytoneClient | null} */
  client: null,
  accepted: new Set(memory.accepted ?? []),
  asked: new Set(memory.asked ?? []),
  name: memory.name ?? "",
  /** @type {string | null} when the room opens, for those who came too early */
  opensAt: null,
  /** Whether the room has let this visit in, and has not closed since. */
  seated: false,
  /** @type {import("./participant/registration.js").Part | null} where one registers, on whichever screen */
  registration: null,
  /** @type {Promise<import("./api.js").ApiResponse> | null} what one has said there last, and its answer */
  saying: null,
  /** Whether the session was moved since the link was sent. */
  moved: false,
  /** Whether the session's details are known. */
  known: false,
  join,
  leave,
  takeOver,
  turn,
};

/** @type {{name: string, close: () => void}} */
let screen = { name: "", close: () => {} };

/**
 * Show a screen by name; its module is loaded when needed.
 * @param {string} name
 * @param {any} [detail]
 */
async function turn(name, detail) {
  if (screen.name === name) return;
  screen.close();
  const current = { name, close: () => {} };
  screen = current;
  document.body.dataset.screen = name;
  const make = name === "entry" ? entryScreen : await importOrReload(SCREENS[name]);
  if (screen !== current) return;
  const made = make(visit, detail);
  current.close = made.close ?? current.close;
  showScreen(made.element, { focus: document.body.dataset.ready === "yes" });
  document.body.dataset.ready = "yes";
}

/** @type {Record<string, () => Promise<(visit: any, detail: any) => {element: Element, close?: () => void}>>} */
const SCREENS = {
  trouble: async () => (await import("./participant/trouble.js")).troubleScreen,
  handed: async () => (await import("./participant/other-device.js")).handedOverScreen,
  waiting: async () => (await import("./participant/waiting.js")).waitingScreen,
  choice: async () => (await import("./participant/choice.js")).choiceScreen,
  practice: async () => (await import("./participant/practice.js")).practiceScreen,
  after: async () => (await import("./participant/after.js")).afterScreen,
};

/** Join the room. @param {string} name */
async function join(name) {
  visit.name = name;
  remember(sessionId, { name, token: visit.token });
  inner = await importOrReload(inside);
  // Whoever has just said that they come is somebody, with a place, once that is answered.
  await Promise.race([visit.saying, new Promise((done) => setTimeout(done, ANSWERED_WITHIN_MS))]);
  const { identity } = recall(sessionId);
  const client = new inner.HalcytoneClient({ sessionId, name, token: visit.token, identity: identity ?? null });
  visit.client = client;
  client.addEventListener("message", (event) => heard(/** @type {CustomEvent} */ (event).detail));
  client.addEventListener("refused", (event) => refused(/** @type {CustomEvent} */ (event).detail));
  client.addEventListener("over", over);
  client.addEventListener("status", (event) => line(/** @type {CustomEvent} */ (event).detail.status));
  client.connect();
  // Load the last screen now: the session may end while the network is away.
  const later = [...Object.values(SCREENS).map((load) => load()), import("./participant/heart.js")];
  await Promise.allSettled(later);
}

/** Go on in the place of whoever handed it over; what this device remembers of somebody else in this session goes. */
function takeOver() {
  visit.accepted.clear();
  visit.asked.clear();
  remember(sessionId, { identity: { resume: handed }, joined: true, left: false, accepted: [], asked: [] });
  return join("");
}

/** Leave the session on purpose. */
function leave() {
  visit.client?.close();
  turn("after", { left: true });
}

/** @param {any} message */
function heard(message) {
  visit.room.apply(message);
  if (message.type === "welcome") {
    visit.opensAt = null;
    visit.seated = true;
    remember(sessionId, { identity: visit.client?.identity, joined: true });
  }
  if (message.type !== "error") place();
}

/** Show the screen for the room's state. */
function place() {
  const { isOver, phase, plan } = visit.room;
  if (isOver) return over();
  if (phase !== "live") return turn("waiting");
  const open = inner.needsChoice(plan).filter((item) => !visit.asked.has(item.technique));
  return turn(open.length ? "choice" : "practice");
}
visit.room.addEventListener("choice", place);

/** Show the end for those who were there; for others, what became of the session. */
function over() {
  if (visit.room.isCancelled) return turn("trouble", { code: "cancelled" });
  if (visit.known && visit.room.isOver && !visit.room.begun) return turn("trouble", { code: "not_held" });
  return recall(sessionId).joined ? turn("after") : turn("trouble", { code: "session_over" });
}

/** Load the session's details over HTTP, which needs no place in the room. */
async function about() {
  let answer = await apiRequest("GET", sessionPath(sessionId), { credential: visit.token ?? handed });
  if (answer.status === 401 && visit.token) {
    const code = answer.data?.error;
    answer = await apiRequest("GET", sessionPath(sessionId));
    // Nobody but those with a link may know of it: the link is what there is to speak of.
    if (answer.status === 404) return { ...answer, refused: code };
    visit.token = null;
    remember(sessionId, { token: null });
  }
  visit.known ||= answer.ok;
  if (answer.ok) {
    visit.moved = wasMoved(sessionId, visit.token, answer.data.session ?? answer.data);
    visit.room.about(answer.data.session ?? answer.data);
  }
  return answer;
}

/** @param {any} refusal */
async function refused(refusal) {
  const { CLOSE } = inner;
  if (refusal.closeCode === CLOSE.NOT_OPEN_YET) {
    visit.opensAt = refusal.details.opens_at;
    visit.seated = false;
    turn("waiting");
    // The session may have been moved since this page was opened.
    await about();
    return undefined;
  }
  if (refusal.closeCode === CLOSE.OVER) {
    await about();
    return over();
  }
  if (handed && "resume" in (refusal.details ?? {})) {
    // The link is nobody's: not to be taken for somebody new without being asked.
    visit.client?.close();
    remember(sessionId, { identity: null, joined: false });
    await turn("entry");
    return about();
  }
  if ("token" in (refusal.details ?? {}) || refusal.closeCode === CLOSE.TOKEN_EXPIRED) {
    // The client has come back by the secret of who was in, if there is one.
    if (visit.client?.identity && !visit.client.options.token) return undefined;
    visit.client?.close();
    return withoutLink(refusal);
  }
  return refusal.final ? turn("trouble", refusal) : undefined;
}

/** The link opens nothing: an open session is open without it, and of another only whoever sent it can send a new one. */
async function withoutLink(refusal) {
  const had = visit.token;
  const answer = await about();
  if (visit.room.isOver) return over();
  if (answer.ok && had && !visit.token && answer.data.access === "open") return join(visit.name);
  return turn("trouble", refusal);
}

/** Show the connection's status in one line that moves nothing. @param {string} status */
function line(status) {
  const lineElement = document.getElementById("line");
  const text = { offline: t("line.offline"), stalled: t("line.lost"), connecting: "" }[status] ?? "";
  // "connecting" comes between two losses: keep the text.
  if (lineElement && !(status === "connecting" && lineElement.textContent)) lineElement.textContent = text;
}

/** A page that the browser kept for "Back" may be older than what became of the session. @param {PageTransitionEvent} event */
async function restored({ persisted }) {
  if (!persisted || visit.client || screen.name !== "entry") return;
  await about();
  if (visit.room.isOver && !visit.client) over();
}

async function begin() {
  addEventListener("pageshow", restored);
  await loadStrings();
  if (handed) {
    await turn("handed");
    return about();
  }
  if (memory.joined && memory.identity && !memory.left) return join(memory.name ?? "");
  await turn("entry", null);
  const answer = await about();
  if (visit.client) return;
  if (answer.refused) return turn("trouble", { code: answer.refused });
  if (answer.status === 404) return turn("trouble", { code: token ? "no_such_session" : "unknown_or_private" });
  if (visit.room.isOver) return over();
  // Load what the first breath needs while the name is typed.
  await Promise.all([inside(), import("./participant/practice.js")]);
}

begin();
