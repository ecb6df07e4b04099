/**
 * One connection to the server: a WebSocket from its opening to its loss, which is reported once.
 * @module
 */
export declare class Connection {
    _socket: WebSocket;
    _deadline: number;
    /**
     * @param {WebSocket} socket in state CONNECTING
     * @param {object} hello data of the first frame: a token, a resume
     * @param {{message: (message: any) => void, lost: (code: number, reason: string) => void}} listener
     */
    constructor(socket: WebSocket, hello: object, listener: {
        message: (message: any) => void;
        lost: (code: number, reason: string) => void;
    });
    get isOpen(): boolean;
    /** Call when the first message has come. */
    established(): void;
    /** Send a message. @param {object} message @returns {boolean} false without an open socket */
    write(message: object): boolean;
    /** Close the socket without waiting: a stalled one may take minutes. Nothing is reported after it. @param {number} code */
    drop(code: number): void;
}
