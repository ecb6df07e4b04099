/**
 * One line to the server: a socket from its opening to its loss, which is told once.
 * @module
 */

import { CLOSE } from "./close-codes.js";

/** How long a line may take until the server says its first word. */
const CONNECT_MS = 10_000;

export class Line {
  /**
   * @param {WebSocket} socket that is just being opened
   * @param {object} hello what the first frame says: a token, a resume
   * @param {{message: (message: any) => void, lost: (code: number, reason: string) => void}} heard
   */
  constructor(socket, hello, heard) {
    this._socket = socket;
    this._deadline = setTimeout(() => heard.lost(CLOSE.ABNORMAL, ""), CONNECT_MS);
    socket.onopen = () => socket.send(JSON.stringify({ type: "hello", data: hello }));
    socket.onmessage = (event) => heard.message(JSON.parse(event.data));
    socket.onclose = (event) => heard.lost(event.code, event.reason);
  }

  get isOpen() {
    return this._socket.readyState === 1;
  }

  /** The server let us in. */
  established() {
    clearTimeout(this._deadline);
  }

  /** @param {object} message @returns {boolean} whether there was a line to put it on */
  write(message) {
    if (!this.isOpen) return false;
    this._socket.send(JSON.stringify(message));
    return true;
  }

  /** Let go of it: a stalled one may take minutes to close, nobody waits for it. @param {number} code */
  drop(code) {
    clearTimeout(this._deadline);
    const socket = this._socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (socket.readyState < 2) socket.close(code);
  }
}
