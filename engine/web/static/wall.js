/**
 * The wall: read across a room, no controls, left alone for hours. Nobody stands at it to press a button.
 * @module
 */

import { ask, sessionPath } from "./api.js";
import { CLOSE } from "./close-codes.js";
import { BASE, h, show } from "./dom.js";
import { HalcytoneClient } from "./halcytone-client.js";
import { loadStrings, t } from "./i18n.js";
import { takeFragment } from "./memory.js";
import { RoomState } from "./room-state.js";
import { WakeLock } from "./wake-lock.js";
import { Board } from "./wall/board.js";
import { recallSeat, rememberSeat } from "./wall/seat.js";

/** What is refused for good may be right later: a door is opened, a place is free. */
const LOOK_AGAIN_MS = 300_000;
const ANOTHER_SEAT_MS = 2_000;
/** A picture that nobody looks at any more need not keep a projector burning. */
const NIGHT_AFTER_MS = 20 * 60_000;

const TROUBLES = /** @type {Record<number, string>} */ ({
  [CLOSE.NO_SUCH_SESSION]: "no_such_session",
  [CLOSE.FORBIDDEN]: "forbidden",
  [CLOSE.BAD_CREDENTIAL]: "forbidden",
  [CLOSE.TOKEN_EXPIRED]: "bad_credential",
  [CLOSE.LOCKED]: "locked",
});

async function begin() {
  const sessionId = decodeURIComponent(location.pathname.split("/").filter(Boolean).pop() ?? "");
  const seat = recallSeat(sessionId);
  const token = takeFragment().get("token") ?? seat.token ?? null;
  rememberSeat(sessionId, { token });
  await loadStrings();
  const room = new RoomState();
  const client = new HalcytoneClient({ sessionId, role: "observer", token, identity: seat.identity ?? null });
  const board = new Board(room, client.clock);
  const awake = new WakeLock();
  let night = 0;

  const fill = () => {
    board.fill();
    if (board.over && !night) night = setTimeout(sleep, NIGHT_AFTER_MS);
  };
  const sleep = () => {
    document.body.dataset.night = "yes";
    board.pacer.stop();
    awake.release();
  };
  const about = async () => {
    const answer = await ask("GET", sessionPath(sessionId), { credential: token });
    board.known ||= answer.ok;
    if (answer.ok) room.about(answer.data);
  };
  const lookAgain = (after = LOOK_AGAIN_MS) =>
    setTimeout(async () => {
      // A page that is loaded from a server that is away is gone for good.
      const { status } = await ask("GET", sessionPath(sessionId), { credential: token });
      if (status === 0) lookAgain(after);
      else location.reload();
    }, after);

  room.addEventListener("change", fill);
  client.addEventListener("message", (event) => {
    const message = /** @type {CustomEvent} */ (event).detail;
    if (message.type === "welcome") {
      board.known = true;
      rememberSeat(sessionId, { identity: client.identity });
    }
    room.apply(message);
  });
  client.addEventListener("over", () => {
    board.over = true;
    fill();
  });
  client.addEventListener("refused", (event) => {
    const { closeCode, final } = /** @type {CustomEvent} */ (event).detail;
    // When it is, what it is called, and how it ended is known to those outside as well.
    if (closeCode === CLOSE.NOT_OPEN_YET || closeCode === CLOSE.OVER) return about();
    if (closeCode === CLOSE.REPLACED) {
      // A second window of this wall took the seat: this one takes another.
      rememberSeat(sessionId, { identity: null });
      return lookAgain(ANOTHER_SEAT_MS);
    }
    if (closeCode === CLOSE.TOKEN_EXPIRED) client.close();
    else if (!final) return undefined;
    if (closeCode === CLOSE.BAD_CREDENTIAL) rememberSeat(sessionId, { identity: null });
    board.trouble = TROUBLES[closeCode] ?? "other";
    fill();
    return lookAgain();
  });
  client.addEventListener("status", (event) => {
    // The pacer goes on by its own clock; the room need not notice.
    const away = ["stalled", "offline"].includes(/** @type {CustomEvent} */ (event).detail.status);
    board.element.dataset.line = away ? t("wall.lost") : "";
  });
  client.connect();
  awake.keep();
  board.pacer.start();
  /** @type {Element} */ (document.querySelector("main")).replaceChildren(board.element);
  const join = `${location.origin}${BASE}/sessions/join/${encodeURIComponent(sessionId)}`;
  // A private room's own link is not this page's to hand out.
  const picture = token ? null : await (await import("./join-code.js")).codeOf(join);
  if (picture?.localName === "img") {
    show(board.code, picture, h("p", {}, t("wall.join")));
    document.body.dataset.code = "yes";
  }
}

begin();
