/**
 * Draws the pacer: an orb, a ring for holds, the step's name; or a bar with `prefers-reduced-motion`.
 *
 * The movement of the next seconds is handed to the browser as animations of transforms, which its compositor draws: the page
 * itself runs four times a second and when a step ends, not in every frame. Once a second, and when the clock or the
 * technique changed, the movement is handed over anew, from where the orb is. Texts change only when the step does, the
 * count once a second.
 * @module
 */

import { h, setText } from "./dom.js";
import { t } from "./i18n.js";
import { breathAt, FRAME_MS, scalesAhead, SMALLEST, stepsOf } from "./pacer.js";

/** Holds of this length show the seconds left. */
const LONG_HOLD_MS = 10_000;
/** The movement is handed over for this many frames, anew after this time. */
const FRAMES_AHEAD = 180;
const AGAIN_MS = 1_000;
/** Every third frame is said, those between lie on a line. */
const EVERY_FRAMES = 3;
const TICK_MS = 250;
/** The frame that comes next may be told to be this much older than now, where the device is busy. */
const OLDEST_FRAME_MS = 250;
/** A clock that is this far from what the movement was made with was corrected. */
const CORRECTED_MS = 10;

/**
 * @typedef {object} Technique as the server says it, or its gentle alternative
 * @property {string} technique
 * @property {number[] | {steps: any[]} | null} [pattern]
 * @property {any[]} [steps]
 * @property {string | number} started_at
 * @property {number | null} [duration] seconds
 * @property {string | null} [instruction]
 */

export class PacerView {
  /**
   * @param {import("./clock.js").ServerClock} clock
   * @param {(breath: import("./pacer.js").Breath | null, at: number) => void} [onFrame]
   */
  constructor(clock, onFrame = () => {}) {
    this.clock = clock;
    this.onFrame = onFrame;
    // No paragraphs: what a reader sets between those would push the word off the orb.
    this.word = h("div", { class: "pacer-word", dir: "auto" });
    this.count = h("div", { class: "pacer-count", dir: "auto" });
    this.hint = h("div", { class: "pacer-hint", dir: "auto" });
    this.orb = h("div", { class: "pacer-orb" });
    this.edge = h("div", { class: "pacer-edge" });
    this.arcs = [h("div", { class: "pacer-arc" }), h("div", { class: "pacer-arc" })];
    this.ring = h(
      "div",
      { class: "pacer-ring" },
      h("div", { class: "pacer-half right" }, this.arcs[0]),
      h("div", { class: "pacer-half left" }, this.arcs[1]),
    );
    this.bar = h("div", { class: "pacer-bar-fill" });
    this.element = h(
      "div",
      { class: "pacer", "data-step": "still" },
      h("div", { class: "pacer-stage", "aria-hidden": "true" }, h("div", { class: "pacer-guide" }), this.orb, this.edge, this.ring),
      h("div", { class: "pacer-bar", "aria-hidden": "true" }, this.bar),
      h("div", { class: "pacer-words" }, this.word, this.count),
      this.hint,
    );
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    /** @type {Technique | null} */
    this.technique = null;
    /** @type {Technique | null} */
    this.next = null;
    this._steps = null;
    this._step = "";
    /** Whether the current breath began before this screen. */
    this._midBreath = false;
    /** @type {{at: number, scales: number[], server: number[], angle: number} | null} what was handed over, at which local time */
    this._ahead = null;
    /** @type {Map<HTMLElement, Animation>} */
    this._moving = new Map();
    this._running = false;
    this._shown = () => document.hidden || this._soon();
  }

  /** Show a technique from its start on; until then the present one goes on. @param {Technique | null} technique */
  follow(technique) {
    const later = technique && Date.parse(String(technique.started_at)) > this.clock.now();
    if (later && this.technique) {
      this.next = technique;
      this._nextSteps = stepsOfTechnique(technique);
    } else {
      this.next = null;
      this._take(technique);
    }
    this._stale = true;
    this._soon();
  }

  start() {
    if (this._running) return;
    this._running = true;
    document.addEventListener("visibilitychange", this._shown);
    this._soon();
  }

  stop() {
    this._running = false;
    clearTimeout(this._timer);
    document.removeEventListener("visibilitychange", this._shown);
    for (const animation of this._moving.values()) animation.cancel();
    this._moving.clear();
  }

  /** @param {number} [ms] */
  _soon(ms = 0) {
    clearTimeout(this._timer);
    if (this._running) this._timer = setTimeout(() => this._tick(), ms);
  }

  _tick() {
    const local = this.clock.monotonic();
    const breath = this._draw(local, this.clock.at(local));
    this._soon(Math.max(1, this._untilNext(breath, this.clock.now())));
  }

  /** Milliseconds until something is to be said or shown. @param {import("./pacer.js").Breath | null} breath @param {number} now */
  _untilNext(breath, now) {
    const starts = [this.next && startOf(this.next), this.technique && this._startedAt].filter((at) => at && at > now);
    const until = starts.map((at) => Number(at) - now);
    if (breath) {
      const beat = breath.ms / inSeconds(breath).seconds;
      until.push(breath.ms - breath.into, beat - (breath.into % beat));
    }
    return Math.min(TICK_MS, ...until.map((ms) => ms / this.clock.rate));
  }

  /** @param {Technique | null} technique */
  _take(technique) {
    this.technique = technique;
    this._steps = stepsOfTechnique(technique);
    this._startedAt = technique ? startOf(technique) : 0;
    this._midBreath = false;
    this._step = "";
  }

  /** @param {number} local milliseconds @param {number} now the server's */
  _draw(local, now) {
    if (this.next && now >= startOf(this.next)) {
      const next = this.next;
      this.next = null;
      this._take(next);
    }
    const before = this.technique !== null && now < this._startedAt;
    const breath = this._steps && !before ? breathAt(this._steps, now - this._startedAt, this.clock.rate) : null;
    this._move(breath, local, now);
    setText(this.count, this.calm.matches ? this._beat(breath) : countOf(breath));
    this._speak(breath, before ? Math.ceil((this._startedAt - now) / 1000) : 0);
    this.onFrame(breath, now);
    return breath;
  }

  /** @param {import("./pacer.js").Breath | null} breath @param {number} local @param {number} now */
  _move(breath, local, now) {
    if (this.calm.matches) {
      const { seconds, filled } = inSeconds(breath);
      const full = breath && (breath.name === "exhale" ? seconds - filled : filled) / seconds;
      this.bar.style.transform = `scaleX(${breath && breath.name === "hold" ? 1 : breath?.name === "rest" ? 0 : full ?? 0})`;
      return;
    }
    this.ring.style.opacity = isHold(breath) ? "1" : "0";
    const ahead = this._ahead;
    const passed = ahead ? local - ahead.at : Infinity;
    const expected = ahead ? between(ahead.server, passed) : Infinity;
    if (this._stale || passed > AGAIN_MS || Math.abs(expected - now) > CORRECTED_MS * this.clock.rate) this._handOver(local);
    this._stale = false;
  }

  /**
   * Hand over the movement from the last frame on, from where the orb is in it: where the device is busy the next frame is
   * drawn for a time before now, and a movement that begins now would jump there.
   * @param {number} now local milliseconds
   */
  _handOver(now) {
    const drawn = document.timeline.currentTime;
    const local = Math.max(now - OLDEST_FRAME_MS, Math.min(now, drawn === null ? now : Number(drawn)));
    const shown = this._ahead ? between(this._ahead.scales, local - this._ahead.at) : SMALLEST;
    const scales = scalesAhead(shown, (ms) => this._wanted(this.clock.at(local + ms)).scale, FRAMES_AHEAD);
    const sampled = scales.filter((_, frame) => frame % EVERY_FRAMES === 0);
    const server = scales.map((_, frame) => this.clock.at(local + frame * FRAME_MS));
    // The ring keeps its angle where nothing is held.
    let angle = this._ahead?.angle ?? 0;
    const angles = sampled.map((_, place) => {
      const { breath } = this._wanted(server[place * EVERY_FRAMES]);
      if (isHold(breath)) angle = 360 * breath.progress;
      return angle;
    });
    const before = this._ahead;
    this._ahead = { at: local, scales, server, angle: angles[0] };
    const moved = sampled.map((scale) => `scale(${scale.toFixed(5)})`);
    for (const element of [this.orb, this.edge, this.ring]) this._animate(element, moved, local);
    if (before && angles.every((one) => one === before.angle)) return;
    // Two half rings are rotated behind masks, which takes transforms only.
    this._animate(this.arcs[0], angles.map((degrees) => `rotate(${Math.min(180, degrees) - 180}deg)`), local);
    this._animate(this.arcs[1], angles.map((degrees) => `rotate(${Math.max(180, degrees) - 360}deg)`), local);
  }

  /** The breath at a time, and the scale that goes with it. @param {number} now the server's milliseconds */
  _wanted(now) {
    const follows = this.next !== null && now >= startOf(this.next);
    const technique = follows ? this.next : this.technique;
    const steps = follows ? this._nextSteps : this._steps;
    const startedAt = technique ? startOf(technique) : 0;
    const breath = steps && now >= startedAt ? breathAt(steps, now - startedAt, this.clock.rate) : null;
    return { breath, scale: breath ? breath.scale : steps || !technique ? SMALLEST : (1 + SMALLEST) / 2 };
  }

  /** @param {HTMLElement} element @param {string[]} transform @param {number} local the milliseconds of the first */
  _animate(element, transform, local) {
    const before = this._moving.get(element);
    const animation = element.animate({ transform }, { duration: FRAMES_AHEAD * FRAME_MS, fill: "both" });
    animation.startTime = local;
    this._moving.set(element, animation);
    before?.cancel();
  }

  /** With reduced motion: the seconds left of a step. @param {import("./pacer.js").Breath | null} breath */
  _beat(breath) {
    const { seconds, filled } = inSeconds(breath);
    return breath?.number ? countOf(breath) : breath ? String(seconds - filled + 1) : "";
  }

  /** @param {import("./pacer.js").Breath | null} breath @param {number} startsIn seconds */
  _speak(breath, startsIn) {
    const step = breath ? `${breath.cycle}.${breath.index}` : startsIn ? `in ${startsIn}` : "still";
    const before = this._step;
    if (step === before) return;
    this._step = step;
    this.element.dataset.step = breath ? breath.name : startsIn ? "soon" : "still";
    if (breath) {
      const begins = breath.name === "inhale" && breath.progress < 0.3;
      this._midBreath = begins ? false : this._midBreath || before === "";
      setText(this.word, t(`step.${breath.name}`));
      setText(this.hint, this._midBreath ? t("pacer.join_next") : breath.of ? t("pacer.round", { number: breath.cycle + 1 }) : "");
    } else {
      setText(this.word, startsIn ? String(startsIn) : this.technique ? t("pacer.free") : "");
      setText(this.hint, startsIn ? t("pacer.starts") : "");
    }
  }
}

/** @param {Technique} technique */
function startOf(technique) {
  return Date.parse(String(technique.started_at));
}

/** @param {Technique | null} technique */
function stepsOfTechnique(technique) {
  return technique ? stepsOf(technique.steps ? { steps: technique.steps } : technique.pattern) : null;
}

/** @param {import("./pacer.js").Breath | null} breath @returns {breath is import("./pacer.js").Breath} */
function isHold(breath) {
  return breath !== null && (breath.name === "hold" || breath.name === "rest");
}

/** A value between those of two frames, or the last. @param {number[]} values one for each frame @param {number} ms from the first */
function between(values, ms) {
  const place = Math.max(0, Math.min(values.length - 1, ms / FRAME_MS));
  const frame = Math.floor(place);
  const next = values[Math.min(frame + 1, values.length - 1)];
  return values[frame] + (next - values[frame]) * (place - frame);
}

/** A step's length in whole seconds, and how many of them have begun. @param {import("./pacer.js").Breath | null} breath */
function inSeconds(breath) {
  const seconds = breath ? Math.max(1, Math.round(breath.ms / 1000)) : 1;
  return { seconds, filled: breath ? Math.min(seconds, Math.floor((breath.into / breath.ms) * seconds) + 1) : 0 };
}

/** The number of the breath in its round, or the seconds left of a long hold. @param {import("./pacer.js").Breath | null} breath */
function countOf(breath) {
  if (!breath) return "";
  if (breath.number) return t("pacer.breath", { number: breath.number, of: breath.of });
  const holding = breath.name === "hold" || breath.name === "rest";
  return holding && breath.ms >= LONG_HOLD_MS ? String(Math.ceil((breath.ms - breath.into) / 1000)) : "";
}
