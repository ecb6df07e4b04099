/**
 * A heart-rate strap over Web Bluetooth: Heart Rate Service 0x180D, Measurement 0x2A37.
 *
 * A value older than three seconds is `stale`; without skin contact nothing is measured. Dispatches `state` and
 * `measurement`.
 * @module
 */

const SERVICE = 0x180d;
const MEASUREMENT = 0x2a37;
const STALE_AFTER_MS = 3_000;
const LONGEST_WAIT_MS = 15_000;
/** A sensor that has sent no interval for so long has none: a chest strap finds its first beats sooner. */
const NO_INTERVALS_AFTER_MS = 20_000;
/** The fastest rate known of a heart; a sensor's glitch is 65535. */
const HIGHEST_BPM = 300;

/**
 * @typedef {"off" | "none_chosen" | "bluetooth_off" | "blocked" | "denied" | "failed"} Idle nothing is connected; why not
 * @typedef {"unsupported" | Idle | "choosing" | "connecting" | "receiving" | "no_intervals" | "no_contact" | "stale" | "searching"} State
 * @typedef {{bpm: number, contact: boolean | null, energy: number | null, rr: number[]}} Measurement
 *   rr in ms, oldest first; contact null where the strap cannot tell
 */

/**
 * Decode one Heart Rate Measurement.
 * @param {DataView} view
 * @returns {Measurement}
 * @throws {RangeError} the packet is shorter than its flags say
 */
export function decode(view) {
  const flags = view.getUint8(0);
  let offset = 1;
  const bpm = flags & 1 ? view.getUint16(offset, true) : view.getUint8(offset);
  offset += flags & 1 ? 2 : 1;
  const contact = flags & 0b100 ? Boolean(flags & 0b10) : null;
  let energy = null;
  if (flags & 0b1000) {
    energy = view.getUint16(offset, true);
    offset += 2;
  }
  const rr = [];
  // Units of 1/1024 s.
  if (flags & 0b1_0000) for (; offset + 1 < view.byteLength; offset += 2) rr.push((view.getUint16(offset, true) * 1000) / 1024);
  return { bpm, contact, energy, rr };
}

/** Whether a heart can have this rate. @param {number} bpm */
export function isPossible(bpm) {
  return bpm <= HIGHEST_BPM;
}

/**
 * Why this page can never have a strap; null where it can. Without a secure page no browser has Web Bluetooth.
 * @returns {"insecure" | "unsupported" | null}
 */
export function obstacle() {
  if (!globalThis.isSecureContext) return "insecure";
  return "bluetooth" in navigator ? null : "unsupported";
}

/**
 * Why the browser gave no strap. Chromium tells most cases apart by the message alone: each is a NotFoundError.
 * @param {unknown} error
 * @returns {Promise<Idle>}
 */
async function refusalOf(error) {
  const { name, message } = /** @type {DOMException} */ (error);
  if (name === "SecurityError" || /disabled|polic/i.test(message)) return "blocked";
  if (name === "NotAllowedError" || /denied/i.test(message)) return "denied";
  if (/cancel/i.test(message)) return (await isAvailable()) ? "none_chosen" : "bluetooth_off";
  if (/adapter|not available/i.test(message) || !(await isAvailable())) return "bluetooth_off";
  return name === "NotFoundError" ? "none_chosen" : "failed";
}

/** Whether Bluetooth is switched on, as far as the browser tells. */
async function isAvailable() {
  try {
    return await /** @type {any} */ (navigator).bluetooth.getAvailability();
  } catch {
    return true;
  }
}

/** @type {Set<State>} */
const IDLE = new Set(["off", "none_chosen", "bluetooth_off", "blocked", "denied", "failed"]);

export class Strap extends EventTarget {
  constructor() {
    super();
    /** @type {State} */
    this.state = obstacle() ? "unsupported" : "off";
    /** @type {any} */
    this._device = null;
    this._attempt = 0;
    /** @type {number | null} when the first measurement of this contact came */
    this._since = null;
    this._hasIntervals = false;
    this._disconnected = () => this._lost();
    this._changed = (event) => this._received(event.target.value);
  }

  /** Whether no strap is chosen: a click chooses one. */
  get isIdle() {
    return IDLE.has(this.state);
  }

  /** Let the user choose a strap; call from a click. Resolves when it is connected, or the choice was cancelled. */
  async choose() {
    this._say("choosing");
    try {
      this._device = await /** @type {any} */ (navigator).bluetooth.requestDevice({ filters: [{ services: [SERVICE] }] });
    } catch (error) {
      return this._say(await refusalOf(error));
    }
    this._device.addEventListener("gattserverdisconnected", this._disconnected);
    await this._connect();
  }

  stop() {
    clearTimeout(this._retry);
    clearTimeout(this._fresh);
    this._device?.removeEventListener("gattserverdisconnected", this._disconnected);
    this._characteristic?.removeEventListener("characteristicvaluechanged", this._changed);
    this._device?.gatt.disconnect();
    this._device = null;
    this._say(obstacle() ? "unsupported" : "off");
  }

  async _connect() {
    this._say(this._attempt ? "searching" : "connecting");
    try {
      // After a disconnect the old service and characteristic are invalid: both are fetched again.
      const server = await this._device.gatt.connect();
      const service = await server.getPrimaryService(SERVICE);
      this._characteristic = await service.getCharacteristic(MEASUREMENT);
      this._characteristic.addEventListener("characteristicvaluechanged", this._changed);
      await this._characteristic.startNotifications();
      this._attempt = 0;
      this._since = null;
      this._hasIntervals = false;
      this._watch();
    } catch {
      // Out of range: retry until the user switches the strap off here.
      this._lost();
    }
  }

  _lost() {
    if (!this._device) return;
    clearTimeout(this._fresh);
    this._characteristic?.removeEventListener("characteristicvaluechanged", this._changed);
    this._attempt += 1;
    this._say("searching");
    clearTimeout(this._retry);
    this._retry = setTimeout(() => this._device && this._connect(), Math.min(LONGEST_WAIT_MS, 500 * 2 ** this._attempt));
  }

  /** @param {DataView} view */
  _received(view) {
    let measurement;
    try {
      measurement = decode(view);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // A truncated packet.
      return;
    }
    if (isPossible(measurement.bpm)) {
      this._watch();
      this._say(this._stateOf(measurement));
    }
    this.dispatchEvent(new CustomEvent("measurement", { detail: measurement }));
  }

  /** @param {Measurement} measurement @returns {State} */
  _stateOf({ bpm, contact, rr }) {
    // A sensor that is not worn sends a rate of 0, some of them with the bit for contact set.
    if (contact === false || bpm === 0) {
      this._since = null;
      return "no_contact";
    }
    this._since ??= performance.now();
    this._hasIntervals ||= rr.length > 0;
    return this._hasIntervals || performance.now() - this._since < NO_INTERVALS_AFTER_MS ? "receiving" : "no_intervals";
  }

  _watch() {
    clearTimeout(this._fresh);
    this._fresh = setTimeout(() => this._say("stale"), STALE_AFTER_MS);
  }

  /** @param {State} state */
  _say(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}
