/**
 * One connection to the server: a WebSocket from its opening to its loss, which is reported once.
 * @module
 */

import { CLOSE } from "./close-codes.js";

/** Time until the server's first message must have come. */
const CONNECT_MS = 10_000;

export class Connection {
  /**
   * @param {WebSocket} socket in state CONNECTING
   * @param {object} hello data of the first frame: a token, a resume
   * @param {{message: (message: any) => void, lost: (code: number, reason: string) => void}} listener
   */
  constructor(socket, hello, listener) {
    this._socket = socket;
    this._deadline = setTimeout(() => listener.lost(CLOSE.ABNORMAL, ""), CONNECT_MS);
    socket.onopen = () => socket.send(JSON.stringify({ type: "hello", data: hello }));
    socket.onmessage = (event) => listener.message(JSON.parse(event.data));
    socket.onclose = (event) => listener.lost(event.code, event.reason);
  }

  get isOpen() {
    return this._socket.readyState === 1;
  }

  /** Call when the first message has come. */
  established() {
    clearTimeout(this._deadline);
  }

  /** Send a message. @param {object} message @returns {boolean} false without an open socket */
  write(message) {
    if (!this.isOpen) return false;
    this._socket.send(JSON.stringify(message));
    return true;
  }

  /** Close the socket without waiting: a stalled one may take minutes. Nothing is reported after it. @param {number} code */
  drop(code) {
    clearTimeout(this._deadline);
    const socket = this._socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (socket.readyState < 2) socket.close(code);
  }
}
