/**
 * The client of a live session, for browsers and everything else with a global `WebSocket`.
 *
 *     import { HalcytoneClient } from "./halcytone-client.js";
 *
 *     const client = new HalcytoneClient({ sessionId: "morning-001", name: "Ada" });
 *     client.addEventListener("welcome", (event) => console.log(event.detail.title));
 *     client.addEventListener("technique_changed", (event) => console.log(event.detail.content.technique));
 *     client.connect();
 *     await client.send("raise_hand", { raised: true });      // resolves when it is durable
 *     client.clock.now();                                      // the server's milliseconds
 *
 * Events are `CustomEvent`s, with this as `detail`:
 *
 * - every message by its `type`, and all of them as `message`: the message. Numbered ones come in order, once each;
 * - `welcome`: the welcome; with `recovered` the missed messages follow, otherwise take the state it carries;
 * - `status`: `{status, attempt, retryInMs?}` with status `connecting | open | stalled | offline |
 *   waiting` (refused for now) `| closed`;
 * - `refused`: `{code, message, details, closeCode, final}`: the server refused the connection; `final` means that the
 *   client does not try again, otherwise it does by itself (`not_open_yet` with `details.opens_at`);
 * - `over`: `{}`: the session ended and the server closed with 1000.
 *
 * It reconnects by itself after everything that is not final, sends its position, and asks again when a message is
 * missing. A connection that is dead without being closed is detected within seconds.
 * @module
 */
import { PendingCommands } from "./pending-commands.js";
import { ServerClock } from "./clock.js";
import { CLOSE } from "./close-codes.js";
import { FeedbackQueue } from "./feedback-queue.js";
import { Connection } from "./connection.js";
import { PageEvents } from "./page-events.js";
import { Pings } from "./pings.js";
import { Position } from "./position.js";
import { SleepDetector } from "./sleep-detector.js";
export { CLOSE };
export type Identity = {
    /**
     * visible to others
     */
    clientId?: string;
    /**
     * the secret that proves it
     */
    resume: string;
};
export type Options = {
    sessionId: string;
    /**
     * participant (default), observer, instructor, admin
     */
    role?: string;
    /**
     * shown to the others
     */
    name?: string;
    /**
     * of the session, or a key
     */
    token?: string | null;
    /**
     * from an earlier visit
     */
    identity?: Identity | null;
    /**
     * of the socket; default: this page's host
     */
    url?: string;
    socket?: typeof WebSocket;
    /**
     * 0 to 1
     */
    random?: () => number;
};
/**
 * @typedef {object} Identity of a person in this session; store it to reconnect as the same person
 * @property {string} [clientId] visible to others
 * @property {string} resume the secret that proves it
 *
 * @typedef {object} Options
 * @property {string} sessionId
 * @property {string} [role] participant (default), observer, instructor, admin
 * @property {string} [name] shown to the others
 * @property {string | null} [token] of the session, or a key
 * @property {Identity | null} [identity] from an earlier visit
 * @property {string} [url] of the socket; default: this page's host
 * @property {typeof WebSocket} [socket]
 * @property {() => number} [random] 0 to 1
 */
export declare class HalcytoneClient extends EventTarget {
    options: Options;
    clock: ServerClock;
    identity: Identity | null;
    /** @type {any} the last welcome */
    welcome: any;
    status: string;
    _position: Position;
    _pings: Pings;
    _feedback: FeedbackQueue;
    _pending: PendingCommands;
    /** @type {Connection | null} */
    _connection: Connection | null;
    /** @type {any} the refusal that came before a close */
    _refusal: any;
    _attempt: number;
    _stopped: boolean;
    _sawEnding: boolean;
    _skipGap: boolean;
    _sleepDetector: SleepDetector;
    _page: PageEvents;
    _gap: number | undefined;
    _retry: number | undefined;
    /** @param {Options} options */
    constructor(options: Options);
    /** Connect, and stay connected until `close` or a final refusal. */
    connect(): void;
    /** Leave for good: the others see it at once. */
    close(): void;
    /**
     * Send a command; resolves with its `ack` once it is durable. A command repeated after a lost connection is carried out once.
     * @param {string} type
     * @param {object} data
     * @param {string} [id] of the same command when it was sent before
     * @returns {Promise<any>}
     * @throws {Error} `code` says why: the server's code, or `offline` with the `id`
     */
    send(type: string, data?: object, id?: string): Promise<any>;
    /**
     * Send a message without an answer (heart rate, breath taps). False without a connection: then it is dropped, because
     * only the present matters.
     * @param {string} type
     * @param {object} data
     */
    tell(type: string, data: object): boolean;
    /**
     * Send feedback; while offline it is queued for the next connect.
     * @param {"technique_feedback" | "session_feedback"} type
     * @param {object} data
     */
    feedback(type: "technique_feedback" | "session_feedback", data: object): Promise<"kept" | "sent">;
    _open(): void;
    _address(): string;
    /** @param {any} message */
    _receive(message: any): void;
    /** @param {any} welcome */
    _welcomed(welcome: any): void;
    /** @param {any} message */
    _failed(message: any): void;
    /** @param {import("./position.js").Message[]} messages */
    _hand(messages: import("./position.js").Message[]): void;
    _watchGap(): undefined;
    _stalled(): void;
    /** @param {number} missed milliseconds that the local clock did not count while the device slept */
    _woke(missed: number): void;
    _putAway(): void;
    _shownAgain(): void;
    _comeBackNow(): void;
    _openAnew(): void;
    /** @param {number} code @param {string} [reason] */
    _lost(code: number, reason?: string): void;
    /** @param {number} code */
    _drop(code: number): void;
    _clear(): void;
    _stop(status: any): void;
    /** @param {object} message */
    _write(message: object): boolean;
    /** @param {string} status @param {number} [retryInMs] */
    _say(status: string, retryInMs?: number): void;
    _emit(message: any, detail?: any): void;
}
