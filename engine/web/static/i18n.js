/**
 * Localization: strings, dates and numbers in the reader's language. One file per language in `strings/`.
 * @module
 */

const LANGUAGES = ["en", "de", "fr", "es"];

/** @type {Record<string, string | {one: string, other: string}>} */
let words = {};
/** @type {Record<string, string>} translations of the English cautions in the catalogue of techniques */
let cautions = {};
export let language = "en";
/** The reader's locale of that language, for dates and numbers. */
let locale = "en";

/**
 * Load the strings of a language: `?lang=` first, then the browser's preferences, then English.
 * @param {...string} more folders in `strings/` with texts of one page alone
 * @returns {Promise<void>}
 */
export async function loadStrings(...more) {
  const fromAddress = new URLSearchParams(location.search).get("lang");
  const wanted = [fromAddress, ...navigator.languages].map((tag) => languageOf(tag ?? ""));
  language = wanted.find((tag) => LANGUAGES.includes(tag)) ?? "en";
  locale = navigator.languages.find((tag) => languageOf(tag) === language) ?? language;
  const [shared, ...own] = await Promise.all(["", ...more].map((folder) => import(`./strings/${folder && `${folder}/`}${language}.js`)));
  words = Object.assign({}, shared.default, ...own.map((part) => part.default));
  cautions = shared.cautions;
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = t(/** @type {HTMLElement} */ (element).dataset.t ?? "");
  }
}

/** The language of a tag, without its script and region: `de` of `de-AT`. @param {string} tag */
function languageOf(tag) {
  return tag.split("-")[0].toLowerCase();
}

/** Hebrew, Arabic and their kin, which turn what stands beside them around unless they are isolated. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** A value as it stands in a sentence, in its own direction. @param {string | number} value */
function isolated(value) {
  const text = String(value);
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}

/**
 * A string with its values filled in; `count` chooses between one and other.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const entry = words[key];
  if (entry === undefined) throw new Error(`no string named ${key}`);
  const plural = new Intl.PluralRules(language).select(Number(values.count ?? 0)) === "one" ? "one" : "other";
  const text = typeof entry === "string" ? entry : entry[plural];
  return text.replace(/\{(\w+)\}/g, (_, name) => isolated(values[name]));
}

/** Translate a caution of the catalogue; a studio's own is returned unchanged. @param {string} text */
export function caution(text) {
  return cautions[text] ?? text;
}

/** Whether a string exists, for keys made from an error code. @param {string} key */
export function has(key) {
  return key in words;
}

/** A text that begins with a capital letter. @param {string} text */
export function sentence(text) {
  return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
}

/** @param {number} millis @param {Intl.DateTimeFormatOptions} [options] */
export function dateTime(millis, options = { weekday: "long", day: "numeric", month: "long" }) {
  return new Intl.DateTimeFormat(locale, options).format(millis);
}

/** The local time of day with its zone: `19:30 CET`. @param {number} millis */
export function timeWithZone(millis) {
  return dateTime(millis, { hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
}

/** The day and the local time with its zone: `Tuesday 3 March, 19:30 CET`. @param {number} millis */
export function dayAndTime(millis) {
  return `${dateTime(millis)}, ${timeWithZone(millis)}`;
}

/** @param {number} value @param {Intl.NumberFormatOptions} [options] */
export function number(value, options) {
  return new Intl.NumberFormat(locale, options).format(value);
}

/** Minutes and seconds: `4:05`. @param {number} seconds */
export function clockTime(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${String(minutes).padStart(hours ? 2 : 1, "0")}:${String(rest).padStart(2, "0")}`;
  return hours ? `${hours}:${tail}` : tail;
}
