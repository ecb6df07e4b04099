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

import { PendingCommands, refusal } from "./pending-commands.js";
import { ServerClock } from "./clock.js";
import { classOf, CLOSE, returnIn, wrongCredential } from "./close-codes.js";
import { FeedbackQueue } from "./feedback-queue.js";
import { Connection } from "./connection.js";
import { PageEvents } from "./page-events.js";
import { Pings } from "./pings.js";
import { Position } from "./position.js";
import { SleepDetector } from "./sleep-detector.js";

export { CLOSE };

/** Time that a missing message may take before the client reconnects to ask for it. */
const GAP_MS = 2_000;

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

export class HalcytoneClient extends EventTarget {
  /** @param {Options} options */
  constructor(options) {
    super();
    this.options = options;
    this.clock = new ServerClock();
    this.identity = options.identity ?? null;
    /** @type {any} the last welcome */
    this.welcome = null;
    this.status = "closed";
    this._position = new Position();
    this._pings = new Pings(this.clock, () => this._write({ type: "heartbeat" }), () => this._stalled());
    this._feedback = new FeedbackQueue((type, data, id) => this.send(type, data, id));
    this._pending = new PendingCommands();
    /** @type {Connection | null} */
    this._connection = null;
    /** @type {any} the refusal that came before a close */
    this._refusal = null;
    this._attempt = 0;
    this._stopped = true;
    this._sawEnding = false;
    this._skipGap = false;
    this._sleepDetector = new SleepDetector((missed) => this._woke(missed));
    const [online, offline, seen] = [() => this._comeBackNow(), () => this._say("offline"), () => this._pings.probe()];
    this._page = new PageEvents({ online, offline, seen, putAway: () => this._putAway(), shownAgain: () => this._shownAgain() });
  }

  /** Connect, and stay connected until `close` or a final refusal. */
  connect() {
    if (!this._stopped) return;
    this._stopped = false;
    this._page.start();
    this._sleepDetector.start();
    this._open();
  }

  /** Leave for good: the others see it at once. */
  close() {
    this._stop("closed");
    this._drop(CLOSE.NORMAL);
  }

  /**
   * Send a command; resolves with its `ack` once it is durable. A command repeated after a lost connection is carried out once.
   * @param {string} type
   * @param {object} data
   * @param {string} [id] of the same command when it was sent before
   * @returns {Promise<any>}
   * @throws {Error} `code` says why: the server's code, or `offline` with the `id`
   */
  send(type, data = {}, id = this._pending.id(type, data)) {
    if (!this._write({ type, id, data })) return Promise.reject(this._pending.unsent(id, type, data));
    return this._pending.wait(id, type, data);
  }

  /**
   * Send a message without an answer (heart rate, breath taps). False without a connection: then it is dropped, because
   * only the present matters.
   * @param {string} type
   * @param {object} data
   */
  tell(type, data) {
    return this._write({ type, data });
  }

  /**
   * Send feedback; while offline it is queued for the next connect.
   * @param {"technique_feedback" | "session_feedback"} type
   * @param {object} data
   */
  feedback(type, data) {
    return this._feedback.put(type, data);
  }

  _open() {
    this._clear();
    this._refusal = null;
    this._say("connecting");
    const hello = {};
    if (this.options.token) hello.token = this.options.token;
    if (this.identity) hello.resume = this.identity.resume;
    this._connection = new Connection(new (this.options.socket ?? WebSocket)(this._address()), hello, {
      message: (message) => this._receive(message),
      lost: (code, reason) => this._lost(code, reason),
    });
  }

  _address() {
    const { sessionId, role = "participant", name, url } = this.options;
    const page = globalThis.location;
    // The page knows the path that the server is served at.
    const host = `${page?.host}${globalThis.document?.documentElement.dataset.base ?? ""}`;
    const address = new URL(url ?? `${page.protocol === "https:" ? "wss" : "ws"}://${host}/ws/live-updates`);
    const query = { session_id: sessionId, role, hello: "1" };
    if (name) query.name = name;
    if (this.identity?.clientId) query.client_id = this.identity.clientId;
    if (this._position.epoch !== null && this.identity) {
      query.epoch = this._position.epoch;
      query.after = String(this._position.seq);
    }
    address.search = new URLSearchParams(query).toString();
    return address.href;
  }

  /** @param {any} message */
  _receive(message) {
    this._pings.heard();
    if (message.type === "welcome") return this._welcomed(message);
    if (message.type === "heartbeat_ack") this._pings.answered(Date.parse(message.content?.server_time ?? message.server_time));
    if (message.type === "ack") this._pending.settle(message.reply_to, message);
    if (message.type === "error") this._failed(message);
    // Only numbered messages carry an epoch; the client's own chat comes back as its number alone.
    const numbered = typeof message.seq === "number" && message.epoch !== undefined && message.type !== "message_sent";
    if (!numbered) this._emit(message);
    if (numbered || message.type === "message_sent") {
      this._hand(this._position.take(message.seq, numbered ? message : null));
      this._watchGap();
    }
  }

  /** @param {any} welcome */
  _welcomed(welcome) {
    this._connection?.established();
    this.welcome = welcome;
    this.identity = { clientId: welcome.client_id, resume: welcome.resume ?? this.identity?.resume };
    this.clock.start(Date.parse(welcome.server_time), welcome.clock_rate ?? 1);
    this._position.begin(welcome.epoch, welcome.seq);
    this._attempt = 0;
    this._say("open");
    this._emit(welcome);
    this._pings.start(welcome.heartbeat_interval ?? 25);
    this._feedback.flush();
  }

  /** @param {any} message */
  _failed(message) {
    const { code = "error", message: sentence = "", details = {} } = message.content ?? message;
    if (this._pending.settle(message.reply_to, message, refusal(code, sentence, details))) return;
    if (this.status === "open") return;
    this._refusal = { code, message: sentence, details };
    // Before the room opens, too, the page counts down by the server's clock.
    if (message.timestamp) this.clock.start(Date.parse(message.timestamp), message.clock_rate ?? this.clock.rate);
  }

  /** @param {import("./position.js").Message[]} messages */
  _hand(messages) {
    for (const message of messages) {
      if (message.type === "session_ending") this._sawEnding = true;
      this._emit(message);
    }
  }

  _watchGap() {
    clearTimeout(this._gap);
    if (!this._position.hasGap) return void (this._skipGap = false);
    this._gap = setTimeout(() => {
      // Asked once and still missing: the server has no message there.
      if (this._skipGap) return this._hand(this._position.skip());
      this._skipGap = true;
      this._lost(CLOSE.POSITION_LOST);
    }, GAP_MS);
  }

  _stalled() {
    this._say("stalled");
    this._lost(CLOSE.ABNORMAL);
  }

  /** @param {number} missed milliseconds that the local clock did not count while the device slept */
  _woke(missed) {
    if (missed) this.clock.slept(missed);
    if (this.status !== "open" || !this._pings.again()) this._openAnew();
  }

  _putAway() {
    this._drop(CLOSE.SILENT);
    this._pending.rejectAll();
    this.status = "closed";
  }

  _shownAgain() {
    this._sleepDetector.look();
    // Unless that has found the sleep, and connects already.
    if (this.status === "closed") this._openAnew();
  }

  _comeBackNow() {
    if (!this._connection?.isOpen) return this._openAnew();
    this._say("open");
    this._pings.probe();
  }

  _openAnew() {
    this._attempt = 0;
    this._drop(CLOSE.SILENT);
    this._pending.rejectAll();
    this._open();
  }

  /** @param {number} code @param {string} [reason] */
  _lost(code, reason = "") {
    // Not with 1000, which would give up the seat: a locked room lets in only those who still have one.
    this._drop(CLOSE.SILENT);
    this._pending.rejectAll();
    if (this._stopped) return;
    const refused = this._refusal;
    let final = classOf(code) !== "return";
    const wrong = this.identity ? wrongCredential(code, refused?.details ?? {}, this.options) : null;
    if (wrong === "resume") {
      this.identity = null;
      this._position = new Position();
    } else if (wrong === "token") this.options.token = null;
    if (wrong) final = false;
    if (final) this._stop("closed");
    if (code === CLOSE.NORMAL) return this._emit({ type: "over" }, {});
    if (refused || classOf(code) === "never") {
      const detail = { code: "closed", message: "", details: {}, ...refused, closeCode: code, final };
      this._emit({ type: "refused" }, detail);
    }
    if (final || this._stopped) return;
    const opens = Date.parse(refused?.details?.opens_at ?? "");
    const left = opens ? opens - this.clock.now() : null;
    const random = (this.options.random ?? Math.random)();
    const retryInMs = returnIn({ code, reason, left, rate: this.clock.rate, attempt: this._attempt, random });
    this._attempt += 1;
    const offline = globalThis.navigator?.onLine === false;
    this._say(refused ? "waiting" : offline ? "offline" : "stalled", retryInMs);
    this._retry = setTimeout(() => this._open(), retryInMs);
  }

  /** @param {number} code */
  _drop(code) {
    this._connection?.drop(code);
    this._connection = null;
    this._clear();
  }

  _clear() {
    clearTimeout(this._retry);
    clearTimeout(this._gap);
    this._pings.stop();
  }

  _stop(status) {
    this._stopped = true;
    this._page.stop();
    this._sleepDetector.stop();
    this._clear();
    this._say(status);
  }

  /** @param {object} message */
  _write(message) {
    return this.status !== "connecting" && Boolean(this._connection?.write(message));
  }

  /** @param {string} status @param {number} [retryInMs] */
  _say(status, retryInMs) {
    this.status = status;
    this._emit({ type: "status" }, { status, attempt: this._attempt, retryInMs });
  }

  _emit(message, detail = message) {
    this.dispatchEvent(new CustomEvent(message.type, { detail }));
    if (detail === message) this.dispatchEvent(new CustomEvent("message", { detail }));
  }
}
