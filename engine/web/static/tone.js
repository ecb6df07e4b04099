/**
 * An audible pacer: a soft tone whose pitch and volume follow the breath.
 * @module
 */

const LOW_HZ = 174;
const HIGH_HZ = 261;
const VOLUME = 0.16;
const ANSWERS_WITHIN_MS = 2_000;

export class Tone {
  constructor() {
    /** @type {AudioContext | null} */
    this._audio = null;
    this.on = false;
    /** Called when the sound stops or comes back by itself, as after a call. @type {(sounds: boolean) => void} */
    this.changed = () => {};
    this._quiet = () => {
      if (document.hidden) this._level(0);
      // After a call or a sleep some browsers leave the sound off until it is asked for again.
      else if (this.on) this._audio?.resume().catch(() => {});
    };
  }

  /** Start the audio; call from a tap, as browsers require it. @returns {Promise<boolean>} whether there will be sound */
  async start() {
    const Context = globalThis.AudioContext ?? /** @type {any} */ (globalThis).webkitAudioContext;
    if (!Context) return false;
    if (!this._audio) {
      this._audio = new Context();
      // On an iPhone: like a player, whatever the ring switch says.
      if ("audioSession" in navigator) /** @type {any} */ (navigator).audioSession.type = "playback";
      this._audio.onstatechange = () => this.on && this.changed(this._audio?.state === "running");
      this._gain = new GainNode(this._audio, { gain: 0 });
      this._voice = new OscillatorNode(this._audio, { type: "sine", frequency: LOW_HZ });
      this._voice.connect(this._gain).connect(this._audio.destination);
      this._voice.start();
      // A hidden page draws no frames, and would hold its last note.
      document.addEventListener("visibilitychange", this._quiet);
    }
    // A browser that refuses may do so by never answering.
    await Promise.race([this._audio.resume().catch(() => {}), new Promise((done) => setTimeout(done, ANSWERS_WITHIN_MS))]);
    this.on = this._audio?.state === "running";
    return this.on;
  }

  stop() {
    this.on = false;
    this._level(0);
  }

  /** Release the AudioContext: browsers allow a page only a few. */
  close() {
    this.on = false;
    document.removeEventListener("visibilitychange", this._quiet);
    this._audio?.close();
    this._audio = null;
  }

  /** Follow the breath, once a frame. @param {import("./pacer.js").Breath | null} breath */
  follow(breath) {
    if (!this.on || !this._audio) return;
    const moving = breath && (breath.name === "inhale" || breath.name === "sip" || breath.name === "exhale");
    this._level(moving ? VOLUME * Math.sin(Math.PI * breath.progress) : 0);
    if (!moving) return;
    const rise = breath.name === "exhale" ? 1 - breath.progress : breath.progress;
    this._voice?.frequency.setTargetAtTime(LOW_HZ + (HIGH_HZ - LOW_HZ) * rise, this._audio.currentTime, 0.03);
  }

  /** Play one short test tone. */
  async sample() {
    if (!(await this.start()) || !this._audio || !this._gain || !this._voice) return false;
    this.on = false;
    const at = this._audio.currentTime;
    // Linear ramps: unlike value curves they may overlap, so a second tap is no error.
    ramp(this._gain.gain, at, [0, VOLUME, VOLUME, 0]);
    ramp(this._voice.frequency, at, [LOW_HZ, HIGH_HZ, HIGH_HZ, LOW_HZ]);
    return true;
  }

  /** @param {number} volume */
  _level(volume) {
    if (this._audio) this._gain?.gain.setTargetAtTime(volume, this._audio.currentTime, 0.05);
  }
}

/** @param {AudioParam} parameter @param {number} at @param {number[]} values half a second apart */
function ramp(parameter, at, values) {
  parameter.cancelScheduledValues(at);
  parameter.setValueAtTime(values[0], at);
  values.slice(1).forEach((value, index) => parameter.linearRampToValueAtTime(value, at + (index + 1) / 2));
}
