/**
 * The server's catalogue of techniques.
 * @module
 */

import { BASE } from "../dom.js";

/** @type {Promise<any[]> | null} */
let loading = null;

/** @returns {Promise<{name: string, opt_in: boolean, group: "A" | "B" | null, summary: string}[]>} empty when the server cannot be reached */
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
