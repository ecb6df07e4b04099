/**
 * The console's screen of one room: leading the plan, people, messages, lock, end.
 * @module
 */

import { sessionPath } from "../api.js";
import { CLOSE } from "../close-codes.js";
import { h, setText, show } from "../dom.js";
import { HalcytoneClient } from "../halcytone-client.js";
import { clockTime, dayAndTime, t } from "../i18n.js";
import { opensText } from "../opening-time.js";
import { refusalText, warningText } from "../refusals.js";
import { RoomState } from "../room-state.js";
import { WakeLock } from "../wake-lock.js";
import { chatPanel } from "./chat.js";
import { Curves } from "./curves.js";
import { editSession } from "./edit.js";
import { endDialog } from "./end.js";
import { leadPanel } from "./lead.js";
import { shortcuts } from "./shortcuts.js";
import { ratingsPanel } from "./ratings.js";
import { registrationsDialog } from "./registrations.js";
import { peoplePanel } from "./people.js";
import { lockPanel, messagesPanel } from "./messages.js";
import { shareDialog } from "./share.js";

const SIGN_IN_AGAIN = new Set([CLOSE.BAD_CREDENTIAL, CLOSE.FORBIDDEN, CLOSE.TOKEN_EXPIRED]);

/**
 * @param {any} desk
 * @param {{sessionId: string, warnings?: string[]}} detail `warnings` of a session that was just created
 */
export function roomScreen(desk, { sessionId, warnings = [] }) {
  const room = new RoomState();
  const client = new HalcytoneClient({ sessionId, role: "instructor", token: desk.credential });
  const awake = new WakeLock();
  let opensAt = "";
  const problem = h("p", { class: "error", role: "alert" });

  /** Whether the message shown is that a command may not have arrived: after a reconnect it can be sent again. */
  let lost = false;
  /** Send a command; shows why it was refused. @param {string} type @param {object} [data] */
  const command = async (type, data = {}) => {
    try {
      await client.send(type, data);
      setText(problem, "");
      return true;
    } catch (error) {
      lost = error.code === "offline";
      setText(problem, refusalText(error));
      return false;
    }
  };

  const notes = h("div", { role: "status" });
  const note = (/** @type {string[]} */ words) => show(notes, ...words.map((text) => h("p", { class: "note" }, text)));
  note(warnings.map(warningText));
  // The room itself hears of the change over its socket; one that is not open yet asks for it.
  const noted = (/** @type {string[]} */ words) => (note(words), client.welcome ? undefined : early(opensAt));
  const title = h("h1", {});
  const facts = h("p", { class: "quiet facts" });
  const end = endDialog(() => command("end"));
  const curves = new Curves();
  const people = peoplePanel(room, command);
  const lead = leadPanel(room, client, command);
  const ratings = ratingsPanel();
  const chat = chatPanel(room, client, command);
  const messages = messagesPanel(command);
  const door = lockPanel(room, command);
  const parts = [lead, people, ratings, messages, chat, door];
  const keys = shortcuts({ n: lead.next, r: lead.rest, w: messages.words, p: people.heading });
  // Whoever has the link of this session alone has no list of sessions to ask from.
  const whoComes = h("button", { type: "button", onclick: () => registrationsDialog(desk, sessionId) }, t("sessions.who_comes"));
  const ending = h("button", { class: "danger wide", type: "button", onclick: () => end.open() }, t("room.end"));
  const head = h(
    "div",
    { class: "room-head" },
    h(
      "header",
      { class: "bar" },
      title,
      h("button", { type: "button", onclick: () => shareDialog(desk, sessionId) }, t("sessions.share")),
      whoComes,
      h("button", { type: "button", onclick: () => editSession(desk, sessionId, noted) }, t("edit.change")),
      desk.onlySession ? null : h("button", { type: "button", onclick: () => desk.turn("sessions") }, t("console.back")),
    ),
    facts,
    notes,
  );
  const inSight = h("div", { class: "in-sight" }, problem, people.alerts);
  const element = h(
    "section",
    { class: "screen console room" },
    head,
    inSight,
    // One column on a phone, two or three beside each other on a desk: the first stays in view.
    h("div", { class: "room-lead" }, lead.element),
    h("div", { class: "room-people" }, people.element, curves.element),
    h("div", { class: "room-talk" }, messages.element, chat.element, ratings.element, door.element, keys.element, ending),
    end.element,
  );

  // The card that leads gets the height that alerts and notes leave it.
  const measured = new ResizeObserver(() => {
    const staying = inSight.offsetHeight;
    element.style.setProperty("--in-sight", `${staying}px`);
    element.style.setProperty("--head", `${head.getBoundingClientRect().bottom + scrollY + staying}px`);
  });
  measured.observe(head);
  measured.observe(inSight);

  const fill = () => {
    setText(title, room.title || t("console.loading"));
    document.title = room.title || t("console.title");
    const begun = room.phase === "live";
    ending.hidden = !client.welcome;
    curves.element.hidden = !begun;
    whoComes.hidden = begun;
  };
  const tick = () => {
    const now = client.clock.now();
    room.advance(now);
    const here = t("room.here", { count: room.count });
    const begins = Date.parse(room.scheduled_start ?? "");
    const since = room.started_at ? clockTime((now - Date.parse(room.started_at)) / 1000) : "";
    const time = room.phase === "live" ? (since ? t("room.live", { time: since }) : t("phase.live")) : begins ? dayAndTime(begins) : "";
    const line = client.status === "open" ? "" : ` · ${t("room.reconnecting")}`;
    if (!client.welcome && opensAt) return setText(facts, `${time} · ${opensText(Date.parse(opensAt), now)}`);
    setText(facts, client.welcome ? `${time} · ${here}${line}` : t("console.loading"));
    for (const part of parts) part.tick?.(now);
    return undefined;
  };

  client.addEventListener("welcome", (event) => {
    if (lost) setText(problem, t("room.not_sent"));
    lost = false;
    const past = /** @type {CustomEvent} */ (event).detail.curves ?? [];
    for (const point of past) curves.add(point, Date.parse(point.at));
  });
  client.addEventListener("message", (event) => {
    const message = /** @type {CustomEvent} */ (event).detail;
    room.apply(message);
    for (const part of parts) part.heard?.(message);
    if (message.type === "metrics_update") curves.add(message.content, client.clock.now());
    // After a reconnect, too, the welcome may say that the session is over.
    if (room.isOver && !room.isCancelled) desk.turn("desk", { sessionId, justEnded: true });
  });
  client.addEventListener("over", () => {
    if (!room.cancelled) return desk.turn("desk", { sessionId, justEnded: true });
    return desk.onlySession ? setText(problem, t("trouble.cancelled.title")) : desk.turn("sessions");
  });
  client.addEventListener("refused", (event) => {
    const { closeCode, code, final, message, details } = /** @type {CustomEvent} */ (event).detail;
    if (closeCode === CLOSE.OVER) return desk.turn("desk", { sessionId });
    if (SIGN_IN_AGAIN.has(closeCode)) return desk.turn("sign_in", { refused: true, sessionId });
    if (closeCode === CLOSE.NOT_OPEN_YET) return early(details.opens_at);
    setText(title, t("room.closed"));
    setText(problem, refusalText({ code, message }));
    return final;
  });
  /** Before the room opens: show the plan, and the link to share. @param {string} at */
  const early = async (at) => {
    opensAt = at;
    const answer = await desk.ask("GET", sessionPath(sessionId));
    if (answer.ok) room.about(answer.data);
  };
  room.addEventListener("change", fill);
  client.connect();
  awake.keep();
  const timer = setInterval(tick, 250);
  // At once: a line that comes later moves what somebody is about to press.
  tick();
  fill();
  return {
    element,
    close: () => {
      clearInterval(timer);
      for (const part of parts) part.close?.();
      keys.close();
      measured.disconnect();
      awake.release();
      client.close();
    },
  };
}
