/**
 * Draws the pacer: an orb, a ring for holds, the step's name; or a bar with `prefers-reduced-motion`.
 *
 * Each frame reads the server's clock and writes only transforms and opacity, so that a slow phone does no layout. Texts
 * change only when the step does, the count once a second.
 * @module
 */

import { h, setText } from "./dom.js";
import { t } from "./i18n.js";
import { approach, breathAt, SMALLEST, stepsOf } from "./pacer.js";

/** Holds of this length show the seconds left. */
const LONG_HOLD_MS = 10_000;

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
    this.word = h("p", { class: "pacer-word" });
    this.count = h("p", { class: "pacer-count" });
    this.hint = h("p", { class: "pacer-hint" });
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
    this._shown = SMALLEST;
    this._step = "";
    /** Whether the current breath began before this screen. */
    this._midBreath = false;
    this._frame = 0;
  }

  /** Show a technique from its start on; until then the present one goes on. @param {Technique | null} technique */
  follow(technique) {
    const later = technique && Date.parse(String(technique.started_at)) > this.clock.now();
    if (later && this.technique) {
      this.next = technique;
      return;
    }
    this.next = null;
    this._take(technique);
  }

  start() {
    if (this._frame) return;
    const draw = () => {
      this._frame = requestAnimationFrame(draw);
      this._draw(this.clock.now());
    };
    this._frame = requestAnimationFrame(draw);
  }

  stop() {
    cancelAnimationFrame(this._frame);
    this._frame = 0;
  }

  /** @param {Technique | null} technique */
  _take(technique) {
    this.technique = technique;
    this._steps = technique ? stepsOf(technique.steps ? { steps: technique.steps } : technique.pattern) : null;
    this._startedAt = technique ? Date.parse(String(technique.started_at)) : 0;
    this._midBreath = false;
    this._step = "";
  }

  /** @param {number} now the server's milliseconds */
  _draw(now) {
    if (this.next && now >= Date.parse(String(this.next.started_at))) {
      const next = this.next;
      this.next = null;
      this._take(next);
    }
    const before = this.technique !== null && now < this._startedAt;
    const breath = this._steps && !before ? breathAt(this._steps, now - this._startedAt, this.clock.rate) : null;
    this._move(breath);
    setText(this.count, this.calm.matches ? this._beat(breath) : countOf(breath));
    this._speak(breath, before ? Math.ceil((this._startedAt - now) / 1000) : 0);
    this.onFrame(breath, now);
  }

  /** @param {import("./pacer.js").Breath | null} breath */
  _move(breath) {
    const wanted = breath ? breath.scale : this._steps || !this.technique ? SMALLEST : (1 + SMALLEST) / 2;
    if (this.calm.matches) {
      const { seconds, filled } = inSeconds(breath);
      const full = breath && (breath.name === "exhale" ? seconds - filled : filled) / seconds;
      this.bar.style.transform = `scaleX(${breath && breath.name === "hold" ? 1 : breath?.name === "rest" ? 0 : full ?? 0})`;
      return;
    }
    // A jump after a reconnect is spread over some frames.
    this._shown = approach(this._shown, wanted);
    const scale = `scale(${this._shown.toFixed(5)})`;
    this.orb.style.transform = scale;
    this.edge.style.transform = scale;
    this.ring.style.transform = scale;
    const holding = breath !== null && (breath.name === "hold" || breath.name === "rest");
    this.ring.style.opacity = holding ? "1" : "0";
    if (holding) this._turnRing(breath.progress);
  }

  /** With reduced motion: the seconds left of a step. @param {import("./pacer.js").Breath | null} breath */
  _beat(breath) {
    const { seconds, filled } = inSeconds(breath);
    return breath?.number ? countOf(breath) : breath ? String(seconds - filled + 1) : "";
  }

  /** Fill the ring: two half rings are rotated behind masks, which takes transforms only. @param {number} progress */
  _turnRing(progress) {
    const degrees = 360 * progress;
    this.arcs[0].style.transform = `rotate(${Math.min(180, degrees) - 180}deg)`;
    this.arcs[1].style.transform = `rotate(${Math.max(180, degrees) - 360}deg)`;
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
