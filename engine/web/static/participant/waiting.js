/**
 * The waiting room: start time, what to expect, and a test of sound and connection.
 * @module
 */

import { cueAtOnce } from "../cue-wave.js";
import { BASE, h, setText, show } from "../dom.js";
import { clockTime, dayAndTime, sentence, t } from "../i18n.js";
import { opensText } from "../opening-time.js";
import { WakeLock } from "../wake-lock.js";
import { choiceCard } from "./choice.js";
import { registrationPart } from "./registration.js";
import { expectations } from "./expectations.js";

/** The screen stays awake this close to the start, in seconds before it and after it. */
const AWAKE_BEFORE_S = 30 * 60;
const AWAKE_AFTER_S = 60 * 60;
/** Whoever comes this long before the start is offered the calendar file, in seconds. */
const CALENDAR_FROM_S = 60 * 60;

const ANSWERS_WITHIN_MS = 2_000;

/** Client statuses in which the server has answered. */
const ANSWERED = new Set(["open", "waiting"]);

/**
 * @param {any} visit
 */
export function waitingScreen(visit) {
  const { room, client } = visit;
  const countdown = h("p", { class: "countdown", role: "timer" });
  const until = h("p", { class: "quiet" });
  const title = h("h1", {});
  const when = h("p", { class: "lead" });
  const moved = h("p", { class: "quiet" });
  const here = h("p", { class: "quiet" });
  const expect = h("div", {});
  // A private page's file needs a credential, which a link cannot send.
  const calendar = h("p", { hidden: true }, h("a", { href: `${BASE}/sessions/${encodeURIComponent(visit.sessionId)}/event.ics` }, t("after.calendar")));
  const test = testCard(visit);
  const registration = registrationPart(visit);
  registration.element.hidden = true;
  const awake = new WakeLock();
  const element = h(
    "section",
    { class: "screen waiting" },
    title,
    when,
    moved,
    h("div", { class: "waiting-count" }, countdown, until, here),
    calendar,
    registration.element,
    expect,
    test.element,
    h("p", { class: "quiet" }, t("waiting.stay")),
  );

  const fill = () => {
    const at = Date.parse(room.scheduled_start ?? "");
    setText(title, room.title || t("entry.title"));
    if (room.title) document.title = room.title;
    const names = room.instructor ? [t("entry.with", { name: room.instructor })] : [];
    setText(when, sentence([...names, ...(at ? [dayAndTime(at)] : [])].join(" · ")));
    setText(moved, visit.moved ? t("waiting.moved") : "");
    setText(here, room.count > 1 ? t("waiting.here", { count: room.count }) : "");
    const key = JSON.stringify([room.plan, room.listen_url, room.place, room.description]);
    if (expect.dataset.key !== key) {
      expect.dataset.key = key;
      show(expect, expectations(room), choiceCard(visit));
    }
  };
  const tick = () => {
    // Until the server's first message, use the device's clock.
    const now = client.clock.known ? client.clock.now() : Date.now();
    const at = Date.parse(room.scheduled_start ?? visit.opensAt ?? "");
    const left = (at - now) / 1000;
    const soon = left < AWAKE_BEFORE_S && left > -AWAKE_AFTER_S;
    if (soon !== awake.wanted) soon ? awake.keep() : awake.release();
    const days = Math.floor(left / 86_400);
    setText(countdown, days >= 2 ? t("waiting.days", { count: days }) : left > 0 ? clockTime(left) : "");
    const opens = visit.opensAt ? opensText(Date.parse(visit.opensAt), now) : t("waiting.until");
    setText(until, left > 0 ? opens : t("waiting.any_moment"));
    // Whoever is in the room already is here; whoever came too early may be reminded.
    if (visit.opensAt && registration.element.hidden) registration.load();
    registration.element.hidden = !visit.opensAt;
    calendar.hidden = left < CALENDAR_FROM_S || !room.visibility || room.visibility === "private";
  };
  const timer = setInterval(tick, 500);
  room.addEventListener("change", fill);
  fill();
  tick();
  return {
    element,
    close: () => {
      clearInterval(timer);
      awake.release();
      test.close();
      room.removeEventListener("change", fill);
    },
  };
}

/** @param {any} visit */
function testCard(visit) {
  const { client } = visit;
  const heard = h("p", { class: "quiet", role: "status" });
  const line = h("p", { class: "quiet" });
  const tell = () => {
    // The refusal of a room that is not open yet came over the connection too: it works.
    if (client.status === "connecting" && line.textContent) return;
    setText(line, ANSWERED.has(client.status) ? t("waiting.line_good") : t("waiting.line_trying"));
  };
  client.addEventListener("status", tell);
  tell();
  const button = h(
    "button",
    { type: "button", onclick: async () => setText(heard, (await played()) ? t("waiting.sound_played") : t("waiting.sound_none")) },
    t("waiting.sound_test"),
  );
  return {
    element: h("section", { class: "card" }, h("h2", {}, t("waiting.ready")), line, button, heard),
    close: () => {
      client.removeEventListener("status", tell);
    },
  };
}

/** Play one short breath, as the practice will. @returns {Promise<boolean>} whether it is heard */
async function played() {
  const steps = /** @type {import("../pacer.js").Step[]} */ ([
    { name: "inhale", ms: 900, from: 0, to: 1 },
    { name: "exhale", ms: 900, from: 1, to: 0 },
  ]);
  const address = URL.createObjectURL(cueAtOnce(steps, { shortest: 0 }));
  const audio = new Audio(address);
  audio.addEventListener("ended", () => URL.revokeObjectURL(address), { once: true });
  // A browser that refuses may do so by never answering.
  const late = new Promise((done) => setTimeout(() => done(false), ANSWERS_WITHIN_MS));
  return Promise.race([audio.play().then(() => true, () => false), late]);
}
