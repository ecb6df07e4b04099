/**
 * The sound of a breathing pattern as a WAV file: a soft tone that rises with the inhale and falls with the exhale, and
 * words where somebody wants them.
 *
 * Mono, 16 bits, 11.025 kHz. A file holds whole cycles and begins with one, so that it can be looped. Each step lies where the
 * pacer has it: sample n is the sound at n / 11.025 milliseconds of the pattern.
 * @module
 */

import { cycleOf } from "./pacer.js";

export const SAMPLES_PER_S = 11_025;
const LOW_HZ = 174;
const HIGH_HZ = 261;
const TONE = 0.16;
const VOICE = 0.5;
/** Below hearing, but no digital silence: browsers put a hidden page to sleep that is silent for long. */
const FLOOR = 0.0008;
const FLOOR_HZ = 20;
/** A file is repeated cycles of at least this length: every return to its beginning costs a tenth of a second. */
const SHORTEST_MS = 600_000;
/** A word is said in steps that leave time for it. */
const WORD_MS = 1_500;
const HEADER = 44;
const MOVING = new Set(["inhale", "sip", "exhale"]);

/** @typedef {Record<string, Int16Array>} Words the samples of a word by the name of its step */

/**
 * Render a pattern, a second of sound at a time, so that whoever asks can let the page draw in between.
 * @param {import("./pacer.js").Step[]} steps none are silence
 * @param {{tone?: boolean, words?: Words | null, shortest?: number}} [options] `shortest` length in milliseconds
 * @returns {Generator<void, Blob>}
 */
export function* cueTrack(steps, { tone = true, words = null, shortest = SHORTEST_MS } = {}) {
  const length = steps.length ? cycleOf(steps) : shortest;
  const cycle = new Int16Array(samples(length));
  yield* floor(cycle);
  let at = 0;
  for (const step of steps) {
    const [first, end] = [samples(at), samples(at + step.ms)];
    if (tone && MOVING.has(step.name)) yield* toneOf(step, cycle.subarray(first, end));
    const word = words?.[step.name];
    if (word && step.ms >= WORD_MS) say(word, cycle.subarray(first, end));
    at += step.ms;
  }
  const times = Math.round(lengthOf(steps, shortest) / length);
  return new Blob([header(cycle.length * times), ...Array(times).fill(cycle)], { type: "audio/wav" });
}

/** The length of a track, in milliseconds. @param {import("./pacer.js").Step[]} steps @param {number} [shortest] */
export function lengthOf(steps, shortest = SHORTEST_MS) {
  const length = steps.length ? cycleOf(steps) : shortest;
  return length * Math.max(1, Math.ceil(shortest / length));
}

/** The whole of a short sound at once. @param {import("./pacer.js").Step[]} steps @param {object} [options] as `cueTrack` */
export function cueAtOnce(steps, options) {
  const making = cueTrack(steps, options);
  let made = making.next();
  while (!made.done) made = making.next();
  return made.value;
}

/**
 * The samples of a WAV file of this format.
 * @param {ArrayBuffer} file
 * @returns {Int16Array}
 */
export function samplesOf(file) {
  const view = new DataView(file);
  for (let at = 12; at + 8 <= file.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    if (view.getUint32(at) === 0x64617461) return new Int16Array(file.slice(at + 8, at + 8 + size));
    at += 8 + size + (size % 2);
  }
  throw new Error("no samples in this file");
}

/** @param {number} ms */
function samples(ms) {
  return Math.round((ms / 1000) * SAMPLES_PER_S);
}

/** @param {Int16Array} out */
function* floor(out) {
  const turn = (2 * Math.PI * FLOOR_HZ) / SAMPLES_PER_S;
  for (let n = 0; n < out.length; n += 1) {
    out[n] = Math.round(32_767 * FLOOR * Math.sin(turn * n));
    if (n % SAMPLES_PER_S === 0) yield;
  }
}

/** Add the tone of one step. @param {import("./pacer.js").Step} step @param {Int16Array} out */
function* toneOf(step, out) {
  let angle = 0;
  for (let n = 0; n < out.length; n += 1) {
    const progress = n / out.length;
    const fullness = step.name === "exhale" ? 1 - progress : progress;
    angle += (2 * Math.PI * (LOW_HZ + (HIGH_HZ - LOW_HZ) * fullness)) / SAMPLES_PER_S;
    out[n] += Math.round(32_767 * TONE * Math.sin(Math.PI * progress) * Math.sin(angle));
    if (n % SAMPLES_PER_S === 0) yield;
  }
}

/** Add a word at the beginning of a step. @param {Int16Array} word @param {Int16Array} out */
function say(word, out) {
  const end = Math.min(word.length, out.length);
  for (let n = 0; n < end; n += 1) out[n] = Math.max(-32_768, Math.min(32_767, out[n] + VOICE * word[n]));
}

/** @param {number} count of samples */
function header(count) {
  const view = new DataView(new ArrayBuffer(HEADER));
  const text = (/** @type {number} */ at, /** @type {string} */ word) => [...word].forEach((letter, n) => view.setUint8(at + n, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, HEADER - 8 + 2 * count, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, SAMPLES_PER_S, true);
  view.setUint32(28, 2 * SAMPLES_PER_S, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * count, true);
  return view;
}
