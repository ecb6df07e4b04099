/**
 * Commands under way: each is answered by an `ack` or an `error` with its id, or lost with the connection.
 *
 * Of a lost one nobody knows whether it arrived. Whoever sends the same again means the same: it goes out under the
 * same id, and the server carries it out once.
 * @module
 */

/** How long whoever repeats a lost command means that one. */
const SAME_MS = 60_000;

export class Acks {
  constructor() {
    /** @type {Map<string, {type: string, said: string, resolve: (value: any) => void, reject: (reason: Error) => void}>} */
    this._waiting = new Map();
    /** @type {Map<string, {id: string, said: string, at: number}>} the newest lost command of each type */
    this._lost = new Map();
    this._sent = 0;
  }

  /**
   * The id of the newest lost command of this type, if it said the same; else one that no other command has.
   * @param {string} type
   * @param {object} data
   */
  id(type, data) {
    const lost = this._lost.get(type);
    this._lost.delete(type);
    if (lost && lost.said === JSON.stringify(data) && performance.now() - lost.at < SAME_MS) return lost.id;
    this._sent += 1;
    return `${type}-${this._sent}-${Math.random().toString(36).slice(2, 8)}`;
  }

  /** @param {string} id @param {string} type @param {object} data @returns {Promise<any>} */
  wait(id, type, data) {
    return new Promise((resolve, reject) => this._waiting.set(id, { type, said: JSON.stringify(data), resolve, reject }));
  }

  /** There is no connection to send it on. @param {string} id @param {string} type @param {object} data */
  unsent(id, type, data) {
    this._lost.set(type, { id, said: JSON.stringify(data), at: performance.now() });
    return Object.assign(refusal("offline", "There is no connection."), { id });
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
    const waiting = [...this._waiting];
    this._waiting.clear();
    for (const [id, { type, said, reject }] of waiting) {
      this._lost.set(type, { id, said, at: performance.now() });
      reject(Object.assign(refusal("offline", "The connection was lost."), { id }));
    }
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
