/**
 * Values in the browser's storage, and where that is blocked in the state of the tab's history entry, which survives a
 * reload: without either, whoever reloads the page or goes on by their own link would come in as somebody new. No cookies.
 * @module
 */

/** @type {Record<string, any>} what the storage did not take, by name */
let inTab = history.state?.halcytone ?? {};

/**
 * @param {() => Storage} storage a function, as the browser refuses even to name a storage that is blocked
 * @param {string} name
 * @returns {any} null where nothing is stored
 */
export function stored(storage, name) {
  if (name in inTab) return inTab[name];
  try {
    return JSON.parse(storage().getItem(name) ?? "null");
  } catch {
    // Blocked, or written by somebody else.
    return null;
  }
}

/**
 * @param {() => Storage} storage
 * @param {string} name
 * @param {any} value null removes it
 */
export function store(storage, name, value) {
  const { [name]: before, ...others } = inTab;
  try {
    if (value === null) storage().removeItem(name);
    else storage().setItem(name, JSON.stringify(value));
    if (before !== undefined) putIntoTab(others);
  } catch {
    putIntoTab(value === null ? others : { ...others, [name]: value });
  }
}

/**
 * Change this page's address, in place of the present entry of the history, and keep what stands in that.
 * @param {string} address
 */
export function replaceAddress(address) {
  history.replaceState(Object.keys(inTab).length ? { halcytone: inTab } : null, "", address);
}

/** @param {Record<string, any>} values */
function putIntoTab(values) {
  inTab = values;
  replaceAddress(location.href);
}
