/**
 * Commands under way: each is answered by an `ack` or an `error` with its id, or lost with the connection.
 * @module
 */

export class Acks {
  constructor() {
    /** @type {Map<string, {resolve: (value: any) => void, reject: (reason: Error) => void}>} */
    this._waiting = new Map();
    this._sent = 0;
  }

  /** An id that no other command of this client has. @param {string} type */
  id(type) {
    this._sent += 1;
    return `${type}-${this._sent}-${Math.random().toString(36).slice(2, 8)}`;
  }

  /** @param {string} id @returns {Promise<any>} */
  wait(id) {
    return new Promise((resolve, reject) => this._waiting.set(id, { resolve, reject }));
  }

  /**
   * Take an answer; false when nobody waits for it.
   * @param {string | undefined} id
   * @param {any} answer
   * @param {Error} [refused]
   */
  settle(id, answer, refused) {
    const wait = id === undefined ? undefined : this._waiting.get(id);
    if (!wait) return false;
    this._waiting.delete(/** @type {string} */ (id));
    if (refused) wait.reject(refused);
    else wait.resolve(answer);
    return true;
  }

  /** The connection is gone: whether a command arrived is not known. */
  lose() {
    const waiting = [...this._waiting.values()];
    this._waiting.clear();
    for (const wait of waiting) wait.reject(refusal("offline", "The connection was lost."));
  }
}

/**
 * @param {string} code
 * @param {string} message
 * @param {object} [details]
 */
export function refusal(code, message, details = {}) {
  return Object.assign(new Error(message), { code, details });
}
