/**
 * A queue of feedback given while offline, which is sent after the next connect.
 *
 * Only feedback is queued: a raised hand or a chat line of five minutes ago is no longer what its sender means. A newer
 * one of the same type and technique replaces the older; at most forty are kept, each under the id it was sent with.
 * @module
 */
export declare class FeedbackQueue {
    _send: (type: string, data: object, id?: string) => Promise<any>;
    /** @type {Map<string, {type: string, data: any, id?: string}>} */
    _kept: Map<string, {
        type: string;
        data: any;
        id?: string;
    }>;
    /** @param {(type: string, data: object, id?: string) => Promise<any>} send rejects with `offline` and the id */
    constructor(send: (type: string, data: object, id?: string) => Promise<any>);
    /** Number of queued items. */
    get size(): number;
    /**
     * Send now, or queue for the next connect.
     * @param {string} type
     * @param {any} data
     * @param {string} [id] under which it was sent before
     * @returns {Promise<"sent" | "kept">}
     */
    put(type: string, data: any, id?: string): Promise<"sent" | "kept">;
    /** Send the queued items in order. */
    flush(): Promise<void>;
}
