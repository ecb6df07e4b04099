/**
 * Helpers for the DOM: creating elements, replacing content, announcements for screen readers.
 * @module
 */

/** Path that the server is served at, without a slash at its end; empty at the root. */
export const BASE = document.documentElement.dataset.base ?? "";

/** Elements with texts that people may have written: each has the direction of its first letter. */
const WITH_TEXT = new Set(["h1", "h2", "h3", "p", "li", "b", "q", "td", "dd", "figcaption", "textarea"]);
/** Fields of other types hold what has no direction. */
const FREE_TEXT = new Set([undefined, "text", "search"]);

/** @param {string} tag @param {Record<string, any>} attributes */
function hasText(tag, attributes) {
  return WITH_TEXT.has(tag) || (tag === "input" && FREE_TEXT.has(attributes.type));
}

/**
 * Create an element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `onclick` and the like are listeners; false and null leave one out
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  if (hasText(tag, attributes)) element.dir = "auto";
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...present(children));
  return element;
}

/**
 * Replace the children of an element; null, undefined and false are skipped.
 * @param {Element} place
 * @param {...(Node | string | null | undefined | false)} children
 */
export function show(place, ...children) {
  place.replaceChildren(...present(children));
}

/**
 * Make these the children of an element, in this order. Whatever is there already is not touched: a press on it, and its focus, go on.
 * @param {Element} place
 * @param {Element[]} children
 */
export function arrange(place, children) {
  const wanted = new Set(children);
  for (const child of [...place.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, index) => {
    if (place.children[index] !== child) place.insertBefore(child, place.children[index] ?? null);
  });
}

/** The children without null, undefined and false. @param {(Node | string | null | undefined | false)[]} children */
function present(children) {
  return /** @type {(Node | string)[]} */ (children.filter((child) => child !== null && child !== undefined && child !== false));
}

/**
 * Set a text only when it changed: screen readers would read it again.
 * @param {Element | null} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** How long an announcement stays in the live region: after that, reading the page does not find it again. */
const SAID_MS = 3_000;
let unsaid = 0;

/**
 * Announce something to screen readers, without a visible change.
 * @param {string} text
 */
export function announce(text) {
  const place = document.getElementById("said");
  if (!place) return;
  place.textContent = text;
  clearTimeout(unsaid);
  unsaid = setTimeout(() => (place.textContent = ""), SAID_MS);
}

/**
 * Replace the screen in `main` and focus its heading, so that screen readers and keyboards start there.
 * @param {Element} screen with one h1
 * @param {{focus?: boolean}} [options]
 */
export function showScreen(screen, { focus = true } = {}) {
  const main = /** @type {Element} */ (document.querySelector("main"));
  main.replaceChildren(screen);
  const heading = /** @type {HTMLElement | null} */ (screen.querySelector("h1"));
  if (heading && focus) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    globalThis.scrollTo(0, 0);
  }
}

/** What was given back to a field since the last words were taken out of it. @type {WeakMap<Element, string>} */
const givenBack = new WeakMap();

/**
 * Take out of a field what is sent, so that the next words can be written before the answer comes, and nothing is sent twice.
 * @param {HTMLInputElement | HTMLTextAreaElement} field
 * @returns {{words: string, giveBack: () => void}} `giveBack` puts refused words before what was written since, after those refused before them
 */
export function takeWords(field) {
  const words = field.value.trim();
  field.value = "";
  givenBack.delete(field);
  const giveBack = () => {
    const earlier = givenBack.get(field) ?? "";
    const kept = field.value.startsWith(earlier) ? earlier : "";
    const back = [kept, words].filter(Boolean).join(" ");
    givenBack.set(field, back);
    field.value = [back, field.value.slice(kept.length).trim()].filter(Boolean).join(" ");
  };
  return { words, giveBack };
}
