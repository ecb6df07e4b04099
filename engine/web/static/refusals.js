/**
 * Why something was refused, in the reader's language; the server's own words where there are no others.
 * @module
 */

import { has, language, t } from "./i18n.js";

/** Codes of the server that mean the same to a person. */
const SAME = /** @type {Record<string, string>} */ ({
  too_many_requests: "rate_limited", unknown_draft: "gone", unknown_client: "gone", unknown_session: "gone",
  draining: "unavailable", storage_failed: "unavailable", credential_needed: "forbidden", bad_credential: "forbidden",
  token_expired: "forbidden", not_open_yet: "not_open", invalid: "invalid_data", invalid_message: "invalid_data",
});

/**
 * @param {{code?: string, message?: string}} refusal of a command
 * @returns {string}
 */
export function refusalText({ code = "", message = "" }) {
  if (code === "offline") return t("line.not_sent");
  const key = `refusal.${SAME[code] ?? code}`;
  if (has(key)) return t(key);
  return message || t("trouble.other.text");
}

/**
 * The same for an answer over HTTP.
 * @param {import("./api.js").Answer} answer that is not ok
 * @param {string} unreachable what to say when nobody answered
 */
export function answerText({ data }, unreachable) {
  if (!data) return unreachable;
  // What exactly is wrong in a field, the server says in English alone.
  const reasons = language === "en" && data.error === "invalid_data" ? Object.values(data.details ?? {}) : [];
  return [refusalText({ code: data.error, message: data.message }), ...reasons].join(" ");
}
