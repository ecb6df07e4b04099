/**
 * Where the breath is, as a pure function of the time since the technique began.
 *
 * A pattern is a closed cycle of steps. Lungs are described by fullness, 0 to 1; the orb's radius follows it from
 * 0.42 to 1 along (1 − cos πp)/2, so that it rests at both ends. Cycles under three seconds move at most a tenth:
 * a large shape that pulses once a second is hard on the eyes.
 * @module
 */

/** @typedef {"inhale" | "sip" | "hold" | "exhale" | "rest"} StepName `rest` is a hold with empty lungs */
/** @typedef {{name: StepName, ms: number, from: number, to: number}} Step */
/**
 * @typedef {object} Breath
 * @property {StepName} name
 * @property {number} index of the step in its cycle
 * @property {number} cycle 0 for the first
 * @property {number} progress 0 to 1 through the step
 * @property {number} into milliseconds into the step
 * @property {number} ms length of the step
 * @property {number} scale of the orb
 */

export const SMALLEST = 0.42;
const SHORT_CYCLE_MS = 3_000;
const SHORT_CYCLE_RANGE = 0.1;

/**
 * The steps of a pattern: `[inhale, hold, exhale, hold]` in seconds, or `{steps}`; null when there is none to pace.
 * @param {number[] | {steps: Step[]} | null | undefined} pattern
 * @returns {Step[] | null}
 */
export function stepsOf(pattern) {
  if (!pattern) return null;
  if (!Array.isArray(pattern)) return pattern.steps?.length ? pattern.steps : null;
  const [inhale = 0, hold = 0, exhale = 0, rest = 0] = pattern;
  const steps = [
    { name: "inhale", ms: inhale * 1000, from: 0, to: 1 },
    { name: "hold", ms: hold * 1000, from: 1, to: 1 },
    { name: "exhale", ms: exhale * 1000, from: 1, to: 0 },
    { name: "rest", ms: rest * 1000, from: 0, to: 0 },
  ].filter((step) => step.ms > 0);
  return inhale > 0 && exhale > 0 ? /** @type {Step[]} */ (steps) : null;
}

/** @param {Step[]} steps @returns {number} milliseconds */
export function cycleOf(steps) {
  return steps.reduce((sum, step) => sum + step.ms, 0);
}

/**
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
  return { name: step.name, index, cycle, progress, into, ms: step.ms, scale: scaleOf(fullness, length / rate) };
}

/**
 * @param {number} fullness 0 to 1
 * @param {number} cycleMs in real time
 */
export function scaleOf(fullness, cycleMs) {
  const range = cycleMs < SHORT_CYCLE_MS ? SHORT_CYCLE_RANGE : 1 - SMALLEST;
  return SMALLEST + (1 - SMALLEST) / 2 - range / 2 + range * fullness;
}

/** The most the shown scale may change from one frame to the next, as a share of what is shown. */
export const LARGEST_CHANGE = 0.019;

/**
 * The scale to show next: the wanted one, or as far towards it as one frame allows.
 * @param {number} shown
 * @param {number} wanted
 */
export function approach(shown, wanted) {
  const most = shown * LARGEST_CHANGE;
  return shown + Math.max(-most, Math.min(most, wanted - shown));
}
