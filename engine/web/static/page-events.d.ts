/**
 * What the browser tells a page about itself, for the client of a live session: the network, whether the page is seen, and the
 * back/forward cache.
 *
 * Browsers keep a page for "Back" only without an open socket, or close the socket: it is given up when the page is put
 * away, and a new one is taken when it is shown. In Node there is no page, and nothing is told.
 * @module
 */
export declare class PageEvents {
    _handlers: Record<"offline" | "online" | "putAway" | "seen" | "shownAgain", () => void>;
    _take: (event: any) => void;
    /** @param {Record<"online" | "offline" | "seen" | "putAway" | "shownAgain", () => void>} handlers */
    constructor(handlers: Record<"online" | "offline" | "seen" | "putAway" | "shownAgain", () => void>);
    start(): void;
    stop(): void;
    /** @param {{type: string, persisted?: boolean}} event */
    _hear({ type, persisted }: {
        type: string;
        persisted?: boolean;
    }): void;
}
