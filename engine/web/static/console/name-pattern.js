/**
 * The pattern that the numbers in a technique's name become, as the server reads them: `My own 5-2-6`.
 * @module
 */

import { h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { loadTechniques } from "./techniques.js";

const NUMBER = "\\d{1,3}(?:\\.\\d{1,3})?";
/** Numbers that stand as a word of their own. What precedes them is looked at, since older browsers cannot look behind. */
const WRITTEN = new RegExp(`(?:^|[^\\p{L}\\p{N}_.-])(${NUMBER}(?:-${NUMBER}){2,3})(?![\\p{L}\\p{N}_.-])`, "gu");
const LONGEST_STEP_S = 120;
const SHORTEST_CYCLE_S = 0.5;
const STEPS = ["inhale", "hold", "exhale", "rest"];

/**
 * Inhale, hold, exhale, hold in seconds; null where the name has no numbers that can be breathed.
 * @param {string} name
 * @returns {number[] | null}
 */
export function patternIn(name) {
  for (const [, written] of name.matchAll(WRITTEN)) {
    const seconds = written.split("-").map(Number);
    const sum = seconds.reduce((all, one) => all + one, 0);
    if (seconds.every((one) => one <= LONGEST_STEP_S) && seconds[0] >= 0.001 && seconds[2] >= 0.001 && sum >= SHORTEST_CYCLE_S) return seconds;
  }
  return null;
}

/** Steps of a breath in words: `in 5, hold 2, out 6`. @param {number[]} seconds */
export function stepsText(seconds) {
  return seconds.map((n, index) => (n ? t(`plan.step_${STEPS[index]}`, { n }) : "")).filter(Boolean).join(", ");
}

/**
 * A line that says what the numbers in a name do, beside the field where it is typed. A name of the catalogue has its own pattern.
 * @returns {{element: HTMLElement, look: (name: string) => void}}
 */
export function patternNote() {
  const element = h("p", { class: "quiet pattern-note", role: "status" });
  let known = /** @type {Set<string>} */ (new Set());
  let shown = "";
  const look = (/** @type {string} */ name) => {
    shown = name.trim();
    const seconds = known.has(shown.toLowerCase()) ? null : patternIn(shown);
    setText(element, seconds ? t("plan.pattern_said", { steps: stepsText(seconds) }) : "");
  };
  loadTechniques().then((all) => {
    known = new Set(all.map((technique) => technique.name.toLowerCase()));
    look(shown);
  });
  return { element, look };
}
