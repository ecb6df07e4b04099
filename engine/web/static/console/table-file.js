/**
 * Tables of the API as files: a link cannot send the credential that they need.
 * @module
 */

import { BASE, h } from "../dom.js";

/**
 * Download a table as CSV; resolves to false where it could not be fetched.
 * @param {any} desk
 * @param {string} path below `/api/v2`
 * @param {string} name of the file
 */
export async function downloadTable(desk, path, name) {
  try {
    const answer = await fetch(`${BASE}/api/v2${path}?format=csv`, { headers: { authorization: `Bearer ${desk.credential}` } });
    if (!answer.ok) return false;
    const link = h("a", { href: URL.createObjectURL(await answer.blob()), download: name });
    link.click();
    URL.revokeObjectURL(link.href);
    return true;
  } catch {
    // No response: the button can be pressed again.
    return false;
  }
}
