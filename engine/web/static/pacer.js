/**
 * The pacer: the step of the breath, as a pure function of the time since the technique began.
 *
 * A pattern is a closed cycle of steps. `fullness` of the lungs goes from 0 to 1; the orb's scale follows it from 0.42
 * to 1 along (1 − cos πp)/2, so that it rests at both ends. Breaths under three seconds move at most a tenth: a large
 * shape that pulses once a second is unpleasant to look at.
 * @module
 */

/** @typedef {"inhale" | "sip" | "hold" | "exhale" | "rest"} StepName `rest` is a hold with empty lungs */
/**
 * @typedef {object} Step
 * @property {StepName} name
 * @property {number} ms
 * @property {number} from fullness
 * @property {number} to fullness
 * @property {number} [number] of the breath in its round, from 1; 0 where breaths are not counted
 * @property {number} [of] how many breaths are counted in the round; 0 where there are no rounds
 * @property {number} [breathMs] length of the breath that it belongs to
 */
/**
 * @typedef {object} Breath
 * @property {StepName} name
 * @property {number} index of the step in its cycle
 * @property {number} cycle 0 for the first
 * @property {number} progress 0 to 1 through the step
 * @property {number} into milliseconds into the step
 * @property {number} ms length of the step
 * @property {number} scale of the orb
 * @property {number} number of the breath in its round, from 1; 0 where breaths are not counted
 * @property {number} of how many breaths are counted in the round; 0 where there are no rounds
 */

export const SMALLEST = 0.42;
const SHORT_BREATH_MS = 3_000;
const SHORT_BREATH_RANGE = 0.1;

/**
 * The steps of a pattern: `[inhale, hold, exhale, hold]` in seconds, or `{steps}`; null when there is none to pace.
 * @param {number[] | {steps: Step[]} | null | undefined} pattern
 * @returns {Step[] | null}
 */
export function stepsOf(pattern) {
  if (!pattern) return null;
  if (!Array.isArray(pattern)) return pattern.steps?.length ? counted(pattern.steps) : null;
  const [inhale = 0, hold = 0, exhale = 0, rest = 0] = pattern;
  const steps = [
    { name: "inhale", ms: inhale * 1000, from: 0, to: 1 },
    { name: "hold", ms: hold * 1000, from: 1, to: 1 },
    { name: "exhale", ms: exhale * 1000, from: 1, to: 0 },
    { name: "rest", ms: rest * 1000, from: 0, to: 0 },
  ].filter((step) => step.ms > 0);
  return inhale > 0 && exhale > 0 ? counted(/** @type {Step[]} */ (steps)) : null;
}

/**
 * Add to each step the breath it belongs to. Usually a cycle is one breath; in rounds it is many quick ones, a rest with
 * empty lungs, and one deep breath: the quick ones are numbered, and each moves as much as its own length allows.
 * @param {Step[]} steps
 * @returns {Step[]}
 */
function counted(steps) {
  const whole = cycleOf(steps);
  if (steps.filter((step) => step.name === "inhale").length < 2) return steps.map((step) => ({ ...step, number: 0, of: 0, breathMs: whole }));
  const rest = steps.findIndex((step) => step.name === "rest");
  const quick = rest < 0 ? steps.length : rest;
  const of = steps.slice(0, quick).filter((step) => step.name === "inhale").length;
  let number = 0;
  return steps.map((step, index) => {
    if (step.name === "inhale") number += 1;
    const breathMs = step.name === "rest" ? whole : cycleOf(breathAround(steps, index));
    return { ...step, number: index < quick ? number : 0, of, breathMs };
  });
}

/** The steps of one breath: from an inhale to the next one, or to a rest. @param {Step[]} steps @param {number} index @returns {Step[]} */
function breathAround(steps, index) {
  const begins = (/** @type {Step} */ step) => step.name === "inhale" || step.name === "rest";
  let first = index;
  while (first > 0 && !begins(steps[first])) first -= 1;
  const next = steps.findIndex((step, at) => at > first && begins(step));
  return steps.slice(first, next < 0 ? steps.length : next);
}

/** The length of a cycle. @param {Step[]} steps @returns {number} milliseconds */
export function cycleOf(steps) {
  return steps.reduce((sum, step) => sum + step.ms, 0);
}

/**
 * The breath at a time.
 * @param {Step[]} steps
 * @param {number} elapsed milliseconds since the technique began; before it began the lungs are empty
 * @param {number} [rate] how fast that time runs; the range of movement depends on real seconds
 * @returns {Breath}
 */
export function breathAt(steps, elapsed, rate = 1) {
  const length = cycleOf(steps);
  const time = Math.max(0, elapsed);
  const cycle = Math.floor(time / length);
  let into = time - cycle * length;
  let index = 0;
  while (index < steps.length - 1 && into >= steps[index].ms) {
    into -= steps[index].ms;
    index += 1;
  }
  const step = steps[index];
  const progress = Math.min(1, into / step.ms);
  const eased = (1 - Math.cos(Math.PI * progress)) / 2;
  const fullness = step.from + (step.to - step.from) * eased;
  const { name, ms, number = 0, of = 0, breathMs = length } = step;
  return { name, index, cycle, progress, into, ms, number, of, scale: scaleOf(fullness, breathMs / rate) };
}

/**
 * The orb's scale.
 * @param {number} fullness 0 to 1
 * @param {number} breathMs in real time
 */
export function scaleOf(fullness, breathMs) {
  const range = breathMs < SHORT_BREATH_MS ? SHORT_BREATH_RANGE : 1 - SMALLEST;
  return SMALLEST + (1 - SMALLEST) / 2 - range / 2 + range * fullness;
}

/** A frame of the movement, in milliseconds. */
export const FRAME_MS = 1_000 / 60;

/** Largest relative change of the scale from one frame to the next. */
export const LARGEST_CHANGE = 0.019;

/**
 * The scale of the next frame: the wanted one, or as far towards it as one frame allows.
 * @param {number} shown
 * @param {number} wanted
 */
export function approach(shown, wanted) {
  const most = shown * LARGEST_CHANGE;
  return shown + Math.max(-most, Math.min(most, wanted - shown));
}

/**
 * The scales of the frames that come: as wanted, or as far towards it as each frame allows.
 * @param {number} shown now
 * @param {(ms: number) => number} wanted scale so many milliseconds from now
 * @param {number} frames
 * @returns {number[]} the one now, and one for each frame
 */
export function scalesAhead(shown, wanted, frames) {
  const scales = [shown];
  for (let frame = 1; frame <= frames; frame += 1) scales.push(approach(scales[frame - 1], wanted(frame * FRAME_MS)));
  return scales;
}
