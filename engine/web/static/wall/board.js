/**
 * The wall's view of a room: before, during and after the session, and when there is none to show.
 * @module
 */

import { h, setText } from "../dom.js";
import { clockTime, dateTime, t, timeWithZone } from "../i18n.js";
import { PacerView } from "../pacer-view.js";

const DAY_S = 86_400;
/** Refusals that pass by themselves. */
const PASSING = new Set(["locked", "other"]);

export class Board {
  /**
   * @param {import("../room-state.js").RoomState} room
   * @param {import("../clock.js").ServerClock} clock
   */
  constructor(room, clock) {
    this._room = room;
    this._clock = clock;
    /** Whether the room's details are known. */
    this.known = false;
    this.over = false;
    /** @type {string | null} why there is nothing to show: a name among the troubles */
    this.trouble = null;
    this._title = h("h1", {});
    this._count = h("p", { class: "wall-count" });
    this._time = h("p", { class: "wall-time", role: "timer" });
    this._note = h("p", { class: "wall-note", role: "status" });
    this.pacer = new PacerView(clock, (_, now) => {
      room.advance(now);
      setText(this._time, this._timeText(now));
    });
    this.code = h("div", { class: "wall-code" });
    this.element = h(
      "section",
      { class: "wall" },
      h("header", {}, this._title, this._count),
      this.pacer.element,
      this.code,
      h("footer", {}, this._time, this._note),
    );
  }

  /** Show the current state. */
  fill() {
    const room = this._room;
    this.over ||= room.isOver;
    const live = !this.over && room.phase === "live";
    document.body.dataset.door = room.locked ? "locked" : "open";
    document.body.dataset.wall = this.trouble ? "trouble" : this.over ? "over" : live ? "live" : "before";
    if (room.title) document.title = room.title;
    if (this.trouble) this._say(t(`trouble.${this.trouble}.title`), "", PASSING.has(this.trouble) ? t("wall.again") : t(`trouble.${this.trouble}.text`));
    else if (room.isCancelled) this._say(t("trouble.cancelled.title"), room.title, t("trouble.cancelled.text"));
    else if (this.over) this._ended();
    else if (live) this._live();
    else this._before();
    this._breathe(live && !room.resting && !this.trouble ? room.technique : null);
  }

  _ended() {
    // A session that never started has nobody to thank.
    if (!this._room.begun) return this._say(t("trouble.not_held.title"), this._room.title, "");
    const people = Math.max(this._room.most, this._room.count);
    return this._say(t("wall.thanks"), people ? t("wall.were", { count: people }) : "", "");
  }

  _live() {
    const { resting, technique, count } = this._room;
    const name = resting ? t("practice.rest") : technique?.technique ?? t("practice.settle");
    this._say(name, count ? t("wall.with", { count }) : "", this._words());
  }

  /** What the staff said to everybody since the present technique began, without a title that all of it has. */
  _words() {
    const { announcements, technique, resting } = this._room;
    const newest = announcements.at(-1);
    return newest && !resting && newest.technique === technique?.technique ? newest.message : "";
  }

  _before() {
    const { title, count, scheduled_start: start } = this._room;
    const begins = Date.parse(start ?? "");
    const left = this._clock.known ? (begins - this._clock.now()) / 1000 : 0;
    this._say(title, count ? t("wall.here", { count }) : "", left > 0 ? startOf(begins, left) : "");
  }

  /** @param {string} title @param {string} count @param {string} note */
  _say(title, count, note) {
    setText(this._title, title);
    setText(this._count, count);
    setText(this._note, note);
  }

  /** @param {any} technique */
  _breathe(technique) {
    const next = this._room.next_technique;
    const key = JSON.stringify([technique, next]);
    if (this.element.dataset.key === key) return;
    this.element.dataset.key = key;
    this.pacer.follow(technique);
    if (technique && next) this.pacer.follow(next);
  }

  /** @param {number} now server milliseconds */
  _timeText(now) {
    if (this.over || this.trouble || !this._clock.known) return "";
    if (this._room.phase !== "live") return this._countdown(now);
    const technique = this.pacer.technique;
    const left = technique?.duration ? Date.parse(String(technique.started_at)) / 1000 + technique.duration - now / 1000 : 0;
    return left > 0 && technique?.duration && left <= technique.duration ? clockTime(left) : "";
  }

  /** @param {number} now */
  _countdown(now) {
    const left = (Date.parse(this._room.scheduled_start ?? "") - now) / 1000;
    const days = Math.floor(left / DAY_S);
    if (days >= 2) return t("waiting.days", { count: days });
    return left > 0 ? clockTime(left) : this.known ? t("wall.now") : "";
  }
}

/** The start time, with the date unless it is today. @param {number} begins @param {number} left seconds */
function startOf(begins, left) {
  const time = timeWithZone(begins);
  return left < DAY_S / 2 ? t("wall.starts", { time }) : t("wall.starts_on", { date: dateTime(begins), time });
}
