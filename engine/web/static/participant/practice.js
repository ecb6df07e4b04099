/**
 * The practice screen: pacer, time left, and the stop button; everything else is in a sheet.
 * @module
 */

import { announce, h, setText } from "../dom.js";
import { techniqueShown } from "../gentle-choice.js";
import { clockTime, t } from "../i18n.js";
import { PacerView } from "../pacer-view.js";
import { Vibration } from "../vibration.js";
import { WakeLock } from "../wake-lock.js";
import { restCard } from "./rest-card.js";
import { Sheet } from "./sheet.js";
import { stopDialog } from "./stop.js";
import { HoldToInhale } from "./hold-to-inhale.js";

/** The texts around the orb fade after this time without a touch, or after the time to read new ones. */
const QUIET_AFTER_MS = 12_000;
const READ_MS_PER_CHARACTER = 70;

/** @param {any} visit */
export function practiceScreen(visit) {
  const { room, client } = visit;
  const vibration = new Vibration();
  const awake = new WakeLock();
  const heading = h("h1", {});
  const words = h("p", { class: "practice-words", "aria-live": "polite" });
  const left = h("p", { class: "time-left", role: "timer" });
  const others = h("p", { class: "practice-others" });
  const rest = h("div", { class: "rest" });
  const pacer = new PacerView(client.clock, (breath, now) => {
    vibration.follow(breath);
    room.advance(now);
    setText(left, timeLeft(pacer.technique, now));
  });
  const tap = new HoldToInhale(pacer.element, client);
  const isStill = () => room.resting || element.dataset.paused === "yes";
  const shownHere = (technique) => techniqueShown(technique, room.plan, visit.accepted);
  /** What the sound follows: what is shown. */
  const led = () => ({
    technique: isStill() ? null : shownHere(room.technique),
    next: isStill() ? null : shownHere(room.next_technique),
    title: heading.textContent,
    session: room.title,
  });
  const sheet = new Sheet(visit, { led, advance: (now) => room.advance(now), vibration, tap });
  const stop = stopDialog(visit, {
    onStop: () => paused(true),
    onReturn: () => paused(false),
  });
  const element = h(
    "section",
    { class: "screen practice" },
    h("header", { class: "practice-top" }, heading, words),
    pacer.element,
    left,
    rest,
    h(
      "footer",
      { class: "practice-bottom" },
      others,
      h("button", { class: "stop", type: "button", onclick: () => stop.open() }, t("practice.stop")),
      h("button", { class: "more", type: "button", "aria-haspopup": "dialog", onclick: () => sheet.open() }, t("practice.more")),
    ),
    sheet.element,
    stop.element,
  );

  const paused = (still) => {
    element.dataset.paused = still ? "yes" : "no";
    fill();
  };
  const fill = () => {
    const shown = shownHere(room.technique);
    const next = shownHere(room.next_technique);
    const still = isStill();
    element.dataset.resting = room.resting ? "yes" : "no";
    const key = JSON.stringify([still, shown, next]);
    if (element.dataset.key !== key) {
      element.dataset.key = key;
      pacer.follow(still ? null : shown);
      if (!still && next) pacer.follow(next);
    }
    const name = room.resting ? t("practice.rest") : shown?.technique || (shown ? t("practice.gentle") : t("practice.settle"));
    // Screen readers get the technique's name once; the tone is their pacer.
    if (heading.textContent && heading.textContent !== name) announce(name);
    setText(heading, name);
    const now = wordsOf(room, shown);
    if (words.textContent !== now) {
      setText(words, now);
      words.scrollTop = 0;
      reach();
      wake();
    }
    setText(others, othersLine(room, client.clock.rate));
    restCard(rest, visit, room.resting);
    sheet.sounds();
  };

  /** Make a text that does not fit scrollable, by keyboard too, and show that it continues. */
  const reach = () => {
    if (words.scrollHeight > words.clientHeight + 1) words.tabIndex = 0;
    else words.removeAttribute("tabindex");
    words.dataset.more = words.scrollTop + words.clientHeight < words.scrollHeight - 1 ? "yes" : "no";
  };
  const fitting = new ResizeObserver(reach);
  fitting.observe(words);
  words.addEventListener("scroll", reach);

  let quiet = 0;
  const wake = () => {
    element.dataset.quiet = "no";
    clearTimeout(quiet);
    const after = Math.max(QUIET_AFTER_MS, words.textContent.length * READ_MS_PER_CHARACTER);
    quiet = setTimeout(() => (element.dataset.quiet = "yes"), after);
  };
  for (const kind of ["pointerdown", "keydown", "focusin"]) element.addEventListener(kind, wake);
  // Many messages in one frame cause one update. A hidden page draws no frames, and its sound goes on.
  let due = 0;
  const soon = () => (document.hidden ? fill() : (due ||= requestAnimationFrame(() => ((due = 0), fill()))));
  room.addEventListener("change", soon);
  const welcomed = (event) => stop.align(event.detail.stopped, false);
  client.addEventListener("welcome", welcomed);
  document.body.dataset.tone = "dark";
  fill();
  wake();
  pacer.start();
  awake.keep();
  // A dialog opens only in the page.
  const placed = requestAnimationFrame(() => stop.align(client.welcome?.stopped, true));
  return {
    element,
    close: () => {
      client.removeEventListener("welcome", welcomed);
      cancelAnimationFrame(placed);
      room.removeEventListener("change", soon);
      cancelAnimationFrame(due);
      clearTimeout(quiet);
      fitting.disconnect();
      pacer.stop();
      sheet.close();
      awake.release();
      delete document.body.dataset.tone;
    },
  };
}

/** @param {any} technique @param {number} now */
function timeLeft(technique, now) {
  if (!technique?.duration) return "";
  const seconds = Date.parse(technique.started_at) / 1000 + technique.duration - now / 1000;
  return seconds > 0 && seconds <= technique.duration ? clockTime(seconds) : "";
}

/** The newest announcement, or the technique's instruction. @param {any} room @param {any} shown */
function wordsOf(room, shown) {
  const announcement = room.announcements.at(-1);
  if (room.resting) return t("practice.rest_words");
  if (announcement && announcement.technique === room.technique?.technique) return [announcement.title, announcement.message].filter(Boolean).join(". ");
  if (!shown) return t("practice.settle_words");
  return shown.isGentle ? t("practice.gentle_words") : shown.instruction ?? "";
}

/** How many others take part; and the speed of a demonstration. @param {any} room @param {number} rate */
function othersLine(room, rate) {
  const others = room.count > 1 ? t("practice.others", { count: room.count - 1 }) : "";
  return rate > 1.05 ? `${others} ${t("practice.speed", { rate: Math.round(rate) })}` : others;
}
