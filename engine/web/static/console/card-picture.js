/**
 * The card of a session as a `data:` URL: it is asked for with the credential, as a private session's is shown to nobody else.
 * @module
 */

import { sessionPath } from "../api.js";
import { BASE } from "../dom.js";

/**
 * @param {string} sessionId
 * @param {string} credential
 * @returns {Promise<string | null>} null where there is none
 */
export async function cardPicture(sessionId, credential) {
  try {
    const answer = await fetch(`${BASE}/api/v2${sessionPath(sessionId)}/card`, { headers: { authorization: `Bearer ${credential}` } });
    return answer.ok ? await dataUrl(await answer.blob()) : null;
  } catch {
    // No response: the desk asks again when something changes.
    return null;
  }
}

/** @param {Blob} file @returns {Promise<string>} */
function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
