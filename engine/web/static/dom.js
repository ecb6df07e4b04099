/**
 * Elements from JavaScript, and words for those who listen to the page.
 * @module
 */

/** Below which path of its host the server is; empty at the root. */
export const BASE = document.documentElement.dataset.base ?? "";

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `onclick` and the like are listeners; false and null leave one out
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...given(children));
  return element;
}

/**
 * Replace what a place shows; what is left out as null is left out.
 * @param {Element} place
 * @param {...(Node | string | null | undefined | false)} children
 */
export function show(place, ...children) {
  place.replaceChildren(...given(children));
}

/** What was not left out. @param {(Node | string | null | undefined | false)[]} children */
function given(children) {
  return /** @type {(Node | string)[]} */ (children.filter((child) => child !== null && child !== undefined && child !== false));
}

/**
 * Set a text only when it changed: a repeated one would be read aloud again.
 * @param {Element | null} element
 * @param {string} text
 */
export function write(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

/** How long a word stays where only screen readers find it: said once, it is not read again by who looks around. */
const SAID_MS = 3_000;
let unsaid = 0;

/**
 * Say something to a screen reader, without a change on the screen.
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
 * Show a new screen in `main`, its heading focused, so that everybody notices where they are now.
 * @param {Element} screen with one h1
 * @param {{focus?: boolean}} [options]
 */
export function turnTo(screen, { focus = true } = {}) {
  const main = /** @type {Element} */ (document.querySelector("main"));
  main.replaceChildren(screen);
  const heading = /** @type {HTMLElement | null} */ (screen.querySelector("h1"));
  if (heading && focus) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    globalThis.scrollTo(0, 0);
  }
}
