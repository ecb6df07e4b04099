/**
 * Live charts of the group: HRV while paced, and synchrony.
 * @module
 */

import { h, setText } from "../dom.js";
import { number, t } from "../i18n.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 320;
const HEIGHT = 72;
const KEPT = 720;

/** @typedef {{at: number, value: number}} Point */

export class Curves {
  constructor() {
    this._rows = [
      new Curve("curves.hrv", (figures) => figures.hrv_improvement ?? figures.current_hrv_improvement, (value) => `${number(Math.round(value), { signDisplay: "exceptZero" })} %`),
      new Curve("curves.coherence", (figures) => figures.coherence, (value) => number(value, { maximumFractionDigits: 1 })),
      new Curve("curves.synchrony", (figures) => figures.synchrony, (value) => number(value, { style: "percent", maximumFractionDigits: 0 })),
    ];
    this._note = h("p", { class: "quiet" }, t("curves.note"));
    this.element = h("section", { class: "card", hidden: true }, h("h2", {}, t("curves.title")), ...this._rows.map((row) => row.element), this._note);
  }

  /** @param {any} figures @param {number} at server milliseconds */
  add(figures, at) {
    for (const row of this._rows) row.add(figures, at);
    // Usually few wear a strap: then there is no empty chart.
    this._note.hidden = this._rows.some((row) => row.points.length > 0);
  }
}

class Curve {
  constructor(name, read, say) {
    this._read = read;
    this._say = say;
    /** @type {Point[]} */
    this.points = [];
    this._value = h("b", {});
    this._picture = document.createElementNS(SVG, "svg");
    this._picture.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this._picture.setAttribute("aria-hidden", "true");
    this._picture.setAttribute("class", "curve");
    this._line = document.createElementNS(SVG, "polyline");
    this._picture.append(this._line);
    this.element = h("figure", { hidden: true, class: "curve-row" }, h("figcaption", {}, t(name), " ", this._value), this._picture);
  }

  add(figures, at) {
    const value = this._read(figures);
    // After a reconnect the welcome repeats points that are known.
    if (typeof value !== "number" || (this.points.length && at <= this.points[this.points.length - 1].at)) return;
    this.points.push({ at, value });
    if (this.points.length > KEPT) this.points.shift();
    this.element.hidden = false;
    setText(this._value, this._say(value));
    this._line.setAttribute("points", lineOf(this.points));
  }
}

/** The `points` of an SVG polyline, scaled to the chart. @param {Point[]} points */
export function lineOf(points) {
  const values = points.map((point) => point.value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = points[points.length - 1].at - points[0].at || 1;
  const range = high - low || 1;
  return points
    .map(({ at, value }) => {
      const x = ((at - points[0].at) / span) * WIDTH;
      const y = high === low ? HEIGHT / 2 : HEIGHT - 4 - ((value - low) / range) * (HEIGHT - 8);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}
