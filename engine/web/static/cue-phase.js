/**
 * Keeps a looped sound in phase with the pacer: how fast it plays next, or where it goes on.
 *
 * A sound card's clock and the server's drift apart by seconds a day, and each return to the beginning of a loop may cost
 * some milliseconds. Small differences are worked off by playing up to five percent faster or slower, which hardly anybody hears;
 * a large one, as where a busy device stood still, by going to the right place.
 * @module
 */

/** A smaller difference is left alone, in seconds. */
const GOOD_S = 0.008;
/** A larger one is jumped over: the sound had stood still for as long, and working it off would take seconds. */
const TOO_FAR_S = 0.1;
/** Time in which a difference is worked off, in seconds. */
const WITHIN_S = 1.5;
const MOST = 0.05;

/**
 * @param {number} position of the sound, in seconds from the beginning of its loop
 * @param {number} wanted position, in the same loop
 * @param {number} length of the loop in seconds
 * @returns {{behind: number, rate: number, jump: boolean}} seconds that the sound is behind, how fast to play (1 is as
 *   it was made), and whether to go to the wanted position
 */
export function correction(position, wanted, length) {
  const apart = (((wanted - position) % length) + length) % length;
  const behind = apart > length / 2 ? apart - length : apart;
  if (Math.abs(behind) > TOO_FAR_S) return { behind, rate: 1, jump: true };
  const rate = Math.abs(behind) < GOOD_S ? 1 : 1 + Math.max(-MOST, Math.min(MOST, behind / WITHIN_S));
  return { behind, rate, jump: false };
}
