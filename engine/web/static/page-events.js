/**
 * What the browser tells a page about itself, for the client of a live session: the network, whether the page is seen, and the
 * back/forward cache.
 *
 * Browsers keep a page for "Back" only without an open socket, or close the socket: it is given up when the page is put
 * away, and a new one is taken when it is shown. In Node there is no page, and nothing is told.
 * @module
 */

/** What a page is told by its window; whether it is seen is told by its document. */
const WINDOW_EVENTS = ["online", "offline", "pagehide", "pageshow"];

export class PageEvents {
  /** @param {Record<"online" | "offline" | "seen" | "putAway" | "shownAgain", () => void>} handlers */
  constructor(handlers) {
    this._handlers = handlers;
    this._take = (/** @type {any} */ event) => this._hear(event);
  }

  start() {
    for (const name of WINDOW_EVENTS) globalThis.addEventListener?.(name, this._take);
    globalThis.document?.addEventListener("visibilitychange", this._take);
  }

  stop() {
    for (const name of WINDOW_EVENTS) globalThis.removeEventListener?.(name, this._take);
    globalThis.document?.removeEventListener("visibilitychange", this._take);
  }

  /** @param {{type: string, persisted?: boolean}} event */
  _hear({ type, persisted }) {
    if (type === "online") this._handlers.online();
    if (type === "offline") this._handlers.offline();
    if (type === "visibilitychange" && document.visibilityState === "visible") this._handlers.seen();
    if (type === "pagehide" && persisted) this._handlers.putAway();
    if (type === "pageshow" && persisted) this._handlers.shownAgain();
  }
}
