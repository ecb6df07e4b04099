/**
 * The room, led: now and next, the people, the words, the door, the end.
 * @module
 */

import { sessionPath } from "../api.js";
import { CLOSE } from "../close-codes.js";
import { h, write } from "../dom.js";
import { HalcytoneClient } from "../halcytone-client.js";
import { clockTime, dateTime, t, timeWithZone } from "../i18n.js";
import { opensText } from "../opening.js";
import { refusalText, warningText } from "../refusals.js";
import { RoomState } from "../room-state.js";
import { WakeLock } from "../wake-lock.js";
import { Curves } from "./curves.js";
import { endDialog } from "./end.js";
import { leadPanel } from "./lead.js";
import { listenPanel } from "./listen.js";
import { peoplePanel } from "./people.js";
import { doorPanel, wordsPanel } from "./say.js";
import { shareDialog } from "./share.js";

const SIGN_IN_AGAIN = new Set([CLOSE.BAD_CREDENTIAL, CLOSE.FORBIDDEN, CLOSE.TOKEN_EXPIRED]);

/**
 * @param {any} desk
 * @param {{sessionId: string, warnings?: string[]}} detail with what is worth saying of a session that was just set up
 */
export function roomScreen(desk, { sessionId, warnings = [] }) {
  const room = new RoomState();
  const client = new HalcytoneClient({ sessionId, role: "instructor", token: desk.credential });
  const awake = new WakeLock();
  let opensAt = "";
  const said = h("p", { class: "error", role: "alert" });

  /** Whether what is said is that something did not get through: no longer true of a line that is back. */
  let lost = false;
  /** Send a command; a refusal is said in words that stay in sight. @param {string} type @param {object} [data] */
  const command = async (type, data = {}) => {
    try {
      await client.send(type, data);
      write(said, "");
      return true;
    } catch (error) {
      lost = error.code === "offline";
      write(said, refusalText(error));
      return false;
    }
  };

  const title = h("h1", {});
  const facts = h("p", { class: "quiet facts" });
  const end = endDialog(() => command("end"));
  const curves = new Curves();
  const people = peoplePanel(room, command);
  const parts = [leadPanel(room, client, command), people, listenPanel(room), wordsPanel(command), doorPanel(room, command)];
  const ending = h("button", { class: "danger wide", type: "button", onclick: () => end.open() }, t("room.end"));
  const element = h(
    "section",
    { class: "screen console room" },
    h(
      "header",
      { class: "bar" },
      title,
      h("button", { type: "button", onclick: () => shareDialog(desk, sessionId) }, t("sessions.share")),
      desk.onlySession ? null : h("button", { type: "button", onclick: () => desk.turn("sessions") }, t("console.back")),
    ),
    facts,
    ...warnings.map((warning) => h("p", { class: "note", role: "status" }, warningText(warning))),
    h("div", { class: "in-sight" }, said, people.alerts),
    ...parts.map((part) => part.element),
    curves.element,
    ending,
    end.element,
  );

  const fill = () => {
    write(title, room.title || t("console.loading"));
    document.title = room.title || t("console.title");
    const begun = room.phase === "live";
    ending.hidden = !client.welcome;
    curves.element.hidden = !begun;
  };
  const tick = () => {
    const now = client.clock.now();
    room.advance(now);
    const here = t("room.here", { count: room.count });
    const begins = Date.parse(room.scheduled_start ?? "");
    const since = room.started_at ? clockTime((now - Date.parse(room.started_at)) / 1000) : "";
    const time = room.phase === "live" ? (since ? t("room.live", { time: since }) : t("phase.live")) : begins ? `${dateTime(begins)}, ${timeWithZone(begins)}` : "";
    const line = client.status === "open" ? "" : ` · ${t("room.reconnecting")}`;
    if (!client.welcome && opensAt) return write(facts, `${time} · ${opensText(Date.parse(opensAt), now)}`);
    write(facts, client.welcome ? `${time} · ${here}${line}` : t("console.loading"));
    for (const part of parts) part.tick?.(now);
    return undefined;
  };

  client.addEventListener("welcome", (event) => {
    if (lost) write(said, "");
    lost = false;
    const past = /** @type {CustomEvent} */ (event).detail.curves ?? [];
    for (const point of past) curves.add(point, Date.parse(point.at));
  });
  client.addEventListener("message", (event) => {
    const message = /** @type {CustomEvent} */ (event).detail;
    room.apply(message);
    for (const part of parts) part.heard?.(message);
    if (message.type === "metrics_update") curves.add(message.content, client.clock.now());
    // The phase of a session that is over arrives with the welcome of a return as well.
    if (room.isOver && !room.isCancelled) desk.turn("desk", { sessionId, justEnded: true });
  });
  client.addEventListener("over", () => {
    if (!room.cancelled) return desk.turn("desk", { sessionId, justEnded: true });
    return desk.onlySession ? write(said, t("trouble.cancelled.title")) : desk.turn("sessions");
  });
  client.addEventListener("refused", (event) => {
    const { closeCode, code, final, message, details } = /** @type {CustomEvent} */ (event).detail;
    if (closeCode === CLOSE.OVER) return desk.turn("desk", { sessionId });
    if (SIGN_IN_AGAIN.has(closeCode)) return desk.turn("sign_in", { refused: true, sessionId });
    if (closeCode === CLOSE.NOT_OPEN_YET) return early(details.opens_at);
    write(title, t("room.closed"));
    write(said, refusalText({ code, message }));
    return final;
  });
  /** Before the room opens there is still what was planned, and the link to share. @param {string} at */
  const early = async (at) => {
    opensAt = at;
    const answer = await desk.ask("GET", sessionPath(sessionId));
    if (answer.ok) room.about(answer.data);
  };
  room.addEventListener("change", fill);
  client.connect();
  awake.keep();
  const timer = setInterval(tick, 250);
  fill();
  return {
    element,
    close: () => {
      clearInterval(timer);
      for (const part of parts) part.close?.();
      awake.release();
      client.close();
    },
  };
}
