/**
 * Error messages and warnings of the server, in the reader's language where a translation exists.
 * @module
 */

import { has, t } from "./i18n.js";

/** Error codes that share a text. */
const SAME = /** @type {Record<string, string>} */ ({
  too_many_requests: "rate_limited", unknown_draft: "gone", unknown_client: "gone", unknown_session: "gone",
  draining: "unavailable", storage_failed: "unavailable", credential_needed: "forbidden", bad_credential: "forbidden",
  token_expired: "forbidden", token_revoked: "forbidden", unknown_publication: "gone", unknown_technique: "gone", not_open_yet: "not_open", invalid: "invalid_data", invalid_message: "invalid_data",
});

/**
 * The text of an error on the live socket.
 * @param {{code?: string, message?: string}} refusal
 * @returns {string}
 */
export function refusalText({ code = "", message = "" }) {
  if (code === "offline") return t("line.not_sent");
  const key = `refusal.${SAME[code] ?? code}`;
  if (has(key)) return t(key);
  return message || t("trouble.other.text");
}

/** The server's English reasons for a field, and the keys of their texts. */
const REASONS = /** @type {[RegExp, string][]} */ ([
  [/at most (\d+) characters/, "reason.too_long"],
  [/a text is needed|required|at least 1 character/, "reason.empty"],
  [/control characters/, "reason.control"],
]);

/**
 * The text of an error response.
 * @param {import("./api.js").ApiResponse} answer that is not ok
 * @param {string} unreachable the text when there was no response
 */
export function answerText({ data }, unreachable) {
  if (!data) return unreachable;
  const reasons = data.error === "invalid_data" ? Object.entries(data.details ?? {}).map(([name, reason]) => reasonText(name, reason)) : [];
  return [refusalText({ code: data.error, message: data.message }), ...reasons].join(" ");
}

/** The name of a wrong field, and the reason. @param {string} name @param {string} reason */
function reasonText(name, reason) {
  const field = has(`field.${name}`) ? t(`field.${name}`) : name;
  for (const [pattern, key] of REASONS) {
    const found = pattern.exec(reason);
    if (found) return t(key, { field, limit: found[1] });
  }
  return t("reason.other", { field, reason });
}

/** The server's English warnings, and the keys of their texts. */
const WARNINGS = /** @type {[RegExp, string][]} */ ([
  [/lies in the past/, "warning.past"],
  [/up to (?<limit>\d+) participants/, "warning.many"],
  [/links without a token/, "warning.links_need_token"],
  [/the page is shown/, "warning.page_private"],
  [/links with a token/, "warning.links_expired"],
  [/(?<technique>.+) is for people together in one room/, "schedule.room_only"],
]);

/** The text of a warning. @param {string} warning of the server @returns {string} */
export function warningText(warning) {
  for (const [pattern, key] of WARNINGS) {
    const found = pattern.exec(warning);
    if (found) return t(key, found.groups);
  }
  return warning;
}
