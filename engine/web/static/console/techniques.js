/**
 * The techniques that a plan can be made of: the studio's own, and the server's catalogue.
 * @module
 */

import { BASE } from "../dom.js";

/** @type {Promise<any[]> | null} */
let loading = null;

/** @returns {Promise<{name: string, opt_in: boolean, group: "A" | "B" | null, summary: string, own?: boolean, breath?: number[], words?: string, rounds?: {usual: number} | null}[]>} empty when the server cannot be reached */
export function loadTechniques() {
  loading ??= fetch(`${BASE}/console/techniques`)
    .then((answer) => (answer.ok ? answer.json() : []))
    .catch(() => {
      // Any name may be typed; the list only makes suggestions.
      loading = null;
      return [];
    });
  return loading;
}

/** Ask anew the next time: the studio's own have changed. */
export function forgetTechniques() {
  loading = null;
}

/**
 * The studio's own technique that a name means; undefined for any other.
 * @param {any[]} all
 * @param {string} name
 */
export function ownAmong(all, name) {
  const wanted = name.trim().toLowerCase();
  return all.find((technique) => technique.own && technique.name.toLowerCase() === wanted);
}
