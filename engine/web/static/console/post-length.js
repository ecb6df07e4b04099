/**
 * Estimates the length of a post as its network counts it, while it is being written. The server counts exactly.
 * @module
 */

const LINK = /https?:\/\/[^\s<>"]*[^\s<>".,;:!?)]/gi;
const LINK_WEIGHT = 23;
const MENTION = /(@[\w.]+)@[\w.-]+/g;
const EMOJI = /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3/u;

/** @type {Record<string, (text: string) => number>} LinkedIn and Facebook count as JavaScript does */
const COUNTS = {
  twitter: (text) => weighed(text.normalize("NFC").replace(LINK, "x".repeat(LINK_WEIGHT))),
  mastodon: (text) => clusters(text.replace(LINK, "x".repeat(LINK_WEIGHT)).replace(MENTION, "$1")).length,
  bluesky: (text) => clusters(text).length,
};

/** @param {string} channel @param {string} text @returns {number} */
export function lengthOf(channel, text) {
  return COUNTS[channel]?.(text) ?? text.length;
}

/** The grapheme clusters of a text. @param {string} text @returns {string[]} */
function clusters(text) {
  // Without Intl.Segmenter code points are close enough.
  if (!("Segmenter" in Intl)) return Array.from(text);
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}

/** X's weighted length: an emoji, and each character outside the light ranges, counts as two. @param {string} text */
function weighed(text) {
  const weight = (one) => (EMOJI.test(one) ? 2 : Array.from(one).reduce((sum, point) => sum + (isLight(point) ? 1 : 2), 0));
  return clusters(text).reduce((sum, one) => sum + weight(one), 0);
}

/** @param {string} point */
function isLight(point) {
  const code = point.codePointAt(0) ?? 0;
  return code <= 4351 || (code >= 8192 && code <= 8205) || (code >= 8208 && code <= 8223) || (code >= 8242 && code <= 8247);
}
