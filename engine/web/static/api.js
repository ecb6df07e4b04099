/**
 * Requests to the HTTP API.
 * @module
 */

import { BASE } from "./dom.js";

/**
 * @typedef {object} ApiResponse
 * @property {boolean} ok
 * @property {number} status 0 when the server could not be reached
 * @property {any} data the body, when it is JSON
 */

/**
 * Send a request. Never rejects: without a response the status is 0.
 * @param {string} method
 * @param {string} path below `/api/v2`
 * @param {{body?: any, credential?: string | null}} [options]
 * @returns {Promise<ApiResponse>}
 */
export async function apiRequest(method, path, { body, credential } = {}) {
  const headers = /** @type {Record<string, string>} */ ({ accept: "application/json" });
  if (credential) headers.authorization = `Bearer ${credential}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    const answer = await fetch(`${BASE}/api/v2${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const json = answer.headers.get("content-type")?.includes("json");
    return { ok: answer.ok, status: answer.status, data: json ? await answer.json() : null };
  } catch {
    // fetch rejects when there is no response.
    return { ok: false, status: 0, data: null };
  }
}

/** The path of a session below `/api/v2`. @param {string} sessionId */
export function sessionPath(sessionId) {
  return `/sessions/${encodeURIComponent(sessionId)}`;
}
