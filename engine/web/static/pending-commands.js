/**
 * Commands that were sent and not answered yet, as promises by id: an `ack` resolves one, an `error` or the loss of the
 * connection rejects it.
 *
 * Whether a lost command arrived is not known. The same command sent again soon gets the same id, and the server carries
 * it out once.
 * @module
 */

/** Time within which the same command counts as a repetition of the lost one. */
const REPEAT_MS = 60_000;

export class PendingCommands {
  constructor() {
    /** @type {Map<string, {type: string, json: string, resolve: (value: any) => void, reject: (reason: Error) => void}>} */
    this._waiting = new Map();
    /** @type {Map<string, {id: string, json: string, at: number}>} the newest lost command of each type */
    this._lost = new Map();
    this._sent = 0;
  }

  /**
   * The id of the newest lost command of this type, if it had the same data; else a new one.
   * @param {string} type
   * @param {object} data
   */
  id(type, data) {
    const lost = this._lost.get(type);
    this._lost.delete(type);
    if (lost?.json === JSON.stringify(data) && performance.now() - lost.at < REPEAT_MS) return lost.id;
    this._sent += 1;
    return `${type}-${this._sent}-${Math.random().toString(36).slice(2, 8)}`;
  }

  /** @param {string} id @param {string} type @param {object} data @returns {Promise<any>} */
  wait(id, type, data) {
    return new Promise((resolve, reject) => this._waiting.set(id, { type, json: JSON.stringify(data), resolve, reject }));
  }

  /** The error for a command without a connection, which is lost from the start. @param {string} id @param {string} type @param {object} data */
  unsent(id, type, data) {
    return this._lose(id, type, JSON.stringify(data));
  }

  /**
   * Settle the promise of an id; returns false when there is none.
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

  /** Reject every promise: the connection is lost. */
  rejectAll() {
    const waiting = [...this._waiting];
    this._waiting.clear();
    for (const [id, { type, json, reject }] of waiting) reject(this._lose(id, type, json));
  }

  /** @param {string} id @param {string} type @param {string} json */
  _lose(id, type, json) {
    this._lost.set(type, { id, json, at: performance.now() });
    return Object.assign(refusal("offline", "There is no connection."), { id });
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
