/**
 * The wall, for a projector: no controls, and it must recover from everything by itself, for hours.
 * @module
 */

import { apiRequest, sessionPath } from "./api.js";
import { CLOSE } from "./close-codes.js";
import { BASE, h, show } from "./dom.js";
import { HalcytoneClient } from "./halcytone-client.js";
import { loadStrings, t } from "./i18n.js";
import { takeFragment } from "./memory.js";
import { RoomState } from "./room-state.js";
import { WakeLock } from "./wake-lock.js";
import { Board } from "./wall/board.js";
import { recallSeat, rememberSeat } from "./wall/seat.js";

/** A refusal may pass: the room is unlocked, a place becomes free. So the wall tries again after this time. */
const LOOK_AGAIN_MS = 300_000;
const ANOTHER_SEAT_MS = 2_000;
/** Time after the end until the wall turns dark and lets the screen sleep. */
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
    const answer = await apiRequest("GET", sessionPath(sessionId), { credential: token });
    board.known ||= answer.ok;
    if (answer.ok) room.about(answer.data);
  };
  const lookAgain = (after = LOOK_AGAIN_MS) =>
    setTimeout(async () => {
      // Reload only once the server answers: else the browser's error page would stay.
      const { status } = await apiRequest("GET", sessionPath(sessionId), { credential: token });
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
    // Title, time and end are known without a place in the room.
    if (closeCode === CLOSE.NOT_OPEN_YET || closeCode === CLOSE.OVER) return about();
    if (closeCode === CLOSE.REPLACED) {
      // A second window of this wall took the seat: take another.
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
    // The pacer goes on by its own clock, so nothing is shown.
    const away = ["stalled", "offline"].includes(/** @type {CustomEvent} */ (event).detail.status);
    board.element.dataset.line = away ? t("wall.lost") : "";
  });
  client.connect();
  awake.keep();
  board.pacer.start();
  /** @type {Element} */ (document.querySelector("main")).replaceChildren(board.element);
  const join = `${location.origin}${BASE}/sessions/join/${encodeURIComponent(sessionId)}`;
  // The join link of a private session is not shown.
  const picture = token ? null : await (await import("./qr-code.js")).qrCode(join);
  if (picture?.localName === "img") {
    show(board.code, picture, h("p", {}, t("wall.join")));
    document.body.dataset.code = "yes";
  }
}

begin();
