/**
 * Import a module, or reload the page when that fails: after an upgrade of the server the old module URLs are gone, and
 * without a network nothing can be loaded. The reload waits until the server answers.
 * @module
 */

const RETRY_MS = 2_000;

/**
 * @template T
 * @param {() => Promise<T>} load imports a module
 * @returns {Promise<T>} never settles when the page is about to be reloaded
 */
export async function importOrReload(load) {
  try {
    return await load();
  } catch {
    while (!(await isServed())) await new Promise((wait) => setTimeout(wait, RETRY_MS));
    location.reload();
    return new Promise(() => {});
  }
}

/** Whether the server answers at this page's address. Reloading before would leave the browser's error page. */
async function isServed() {
  try {
    return (await fetch(location.pathname, { method: "HEAD" })).ok;
  } catch {
    return false;
  }
}
