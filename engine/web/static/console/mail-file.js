/**
 * Writes a mail as an .eml file, which mail programs open as an unsent draft (RFC 5322, text and HTML alternatives).
 * @module
 */

const BOUNDARY = "halcytone-draft-boundary";

/**
 * @param {string} subject
 * @param {string} text
 * @param {string} html
 */
export function mailFile(subject, text, html) {
  const part = (type, body) => [
    `--${BOUNDARY}`,
    `Content-Type: ${type}; charset=utf-8`,
    "Content-Transfer-Encoding: base64",
    "",
    ...(base64(body).match(/.{1,76}/g) ?? []),
  ];
  return [
    "X-Unsent: 1",
    "MIME-Version: 1.0",
    `Subject: ${headerOf(subject)}`,
    `Content-Type: multipart/alternative; boundary="${BOUNDARY}"`,
    "",
    ...part("text/plain", text),
    ...part("text/html", html),
    `--${BOUNDARY}--`,
    "",
  ].join("\r\n");
}

/** A header value as encoded words (RFC 2047) of at most 75 characters each. @param {string} text */
function headerOf(text) {
  const pieces = Array.from(text).reduce((made, letter) => {
    const last = made.length - 1;
    if (last >= 0 && new TextEncoder().encode(made[last] + letter).length <= 42) made[last] += letter;
    else made.push(letter);
    return made;
  }, /** @type {string[]} */ ([]));
  return pieces.map((piece) => `=?utf-8?B?${base64(piece)}?=`).join("\r\n ");
}

/** @param {string} text */
function base64(text) {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
}
