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

/**
 * @typedef {"unsupported" | "off" | "choosing" | "connecting" | "receiving" | "no_contact" | "stale" | "searching"} State
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

/** Whether this browser has Web Bluetooth. */
export function canUseStrap() {
  return "bluetooth" in navigator && globalThis.isSecureContext;
}

export class Strap extends EventTarget {
  constructor() {
    super();
    /** @type {State} */
    this.state = canUseStrap() ? "off" : "unsupported";
    /** @type {any} */
    this._device = null;
    this._attempt = 0;
    this._disconnected = () => this._lost();
    this._changed = (event) => this._received(event.target.value);
  }

  /** Let the user choose a strap; call from a click. Resolves when it is connected, or the choice was cancelled. */
  async choose() {
    this._say("choosing");
    try {
      this._device = await /** @type {any} */ (navigator).bluetooth.requestDevice({ filters: [{ services: [SERVICE] }] });
    } catch {
      // The browser's dialog was closed, or found nothing.
      return this._say("off");
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
    this._say(canUseStrap() ? "off" : "unsupported");
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
    this._watch();
    this._say(measurement.contact === false ? "no_contact" : "receiving");
    this.dispatchEvent(new CustomEvent("measurement", { detail: measurement }));
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
