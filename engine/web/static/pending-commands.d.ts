/**
 * Commands that were sent and not answered yet, as promises by id: an `ack` resolves one, an `error` or the loss of the
 * connection rejects it.
 *
 * Whether a lost command arrived is not known. The same command sent again soon gets the same id, and the server carries
 * it out once.
 * @module
 */
export declare class PendingCommands {
    /** @type {Map<string, {type: string, json: string, resolve: (value: any) => void, reject: (reason: Error) => void}>} */
    _waiting: Map<string, {
        type: string;
        json: string;
        resolve: (value: any) => void;
        reject: (reason: Error) => void;
    }>;
    /** @type {Map<string, {id: string, json: string, at: number}>} the newest lost command of each type */
    _lost: Map<string, {
        id: string;
        json: string;
        at: number;
    }>;
    _sent: number;
    constructor();
    /**
     * The id of the newest lost command of this type, if it had the same data; else a new one.
     * @param {string} type
     * @param {object} data
     */
    id(type: string, data: object): string;
    /** @param {string} id @param {string} type @param {object} data @returns {Promise<any>} */
    wait(id: string, type: string, data: object): Promise<any>;
    /** The error for a command without a connection, which is lost from the start. @param {string} id @param {string} type @param {object} data */
    unsent(id: string, type: string, data: object): Error & {
        code: string;
        details: object;
    } & {
        id: string;
    };
    /**
     * Settle the promise of an id; returns false when there is none.
     * @param {string | undefined} id
     * @param {any} answer
     * @param {Error} [refused]
     */
    settle(id: string | undefined, answer: any, refused?: Error): boolean;
    /** Reject every promise: the connection is lost. */
    rejectAll(): void;
    /** @param {string} id @param {string} type @param {string} json */
    _lose(id: string, type: string, json: string): Error & {
        code: string;
        details: object;
    } & {
        id: string;
    };
}
/**
 * @param {string} code
 * @param {string} message
 * @param {object} [details]
 */
export declare function refusal(code: string, message: string, details?: object): Error & {
    code: string;
    details: object;
};
