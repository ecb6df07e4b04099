/**
 * A client's position in the numbered messages of a session, which it hands on in order, once each and without a gap.
 *
 * A message that comes too early waits for the ones before it. Pure: no socket, no timers.
 * @module
 */
export type Message = {
    type: string;
    seq?: number;
    epoch?: string;
    [key: string]: any;
};
/** @typedef {{type: string, seq?: number, epoch?: string, [key: string]: any}} Message */
export declare class Position {
    /** @type {string | null} */
    epoch: string | null;
    /** The `seq` of the last message handed on. */
    seq: number;
    /** @type {Map<number, Message | null>} what came too early; null where there is nothing to hand on */
    _early: Map<number, Message | null>;
    constructor();
    /**
     * Start at the position of a welcome: its `seq` is that of the last message before it.
     * @param {string} epoch
     * @param {number} seq
     */
    begin(epoch: string, seq: number): void;
    /** Whether messages are missing before one that has come. */
    get hasGap(): boolean;
    /**
     * Take one numbered message; null for a number without one (the client's own chat).
     * @param {number} seq
     * @param {Message | null} message
     * @returns {Message[]} what can be handed on now, in order
     */
    take(seq: number, message: Message | null): Message[];
    /** Skip what is missing, and return the messages that waited for it. */
    skip(): Message[];
    /** @returns {Message[]} */
    _advance(): Message[];
}
