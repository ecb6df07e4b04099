/**
 * Load what comes next. After an upgrade of the server its old address is gone, in a lift the network is: then the
 * page is loaded anew as soon as it can be.
 * @module
 */

const ASK_AGAIN_MS = 2_000;

/**
 * @template T
 * @param {() => Promise<T>} load imports a module
 * @returns {Promise<T>} never settles when the page is about to be loaded anew
 */
export async function need(load) {
  try {
    return await load();
  } catch {
    while (!(await isServed())) await new Promise((wait) => setTimeout(wait, ASK_AGAIN_MS));
    location.reload();
    return new Promise(() => {});
  }
}

/** Whether a server answers at this page's address: one that is loaded from nowhere is gone for good. */
async function isServed() {
  try {
    return (await fetch(location.pathname, { method: "HEAD" })).ok;
  } catch {
    return false;
  }
}
