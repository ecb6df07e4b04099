/**
 * The breath as sound: a track of the technique in an audio element, which plays on while the page is hidden or the phone
 * is locked, held in phase with the pacer by the server's clock; and beside it a studio's own quiet background.
 *
 * Where nothing is paced, before a technique, in a rest, the track is silence, so that the next technique is heard.
 * @module
 */

import { correction } from "./cue-phase.js";
import { cueAtOnce, cueTrack, lengthOf, samplesOf } from "./cue-wave.js";
import { language, t } from "./i18n.js";
import { stepsOf } from "./pacer.js";

const TICK_MS = 1_000;
const ANSWERS_WITHIN_MS = 4_000;
/** The background comes over the network. */
const BACKGROUND_WITHIN_MS = 20_000;
const SILENCE_MS = 10_000;
const BACKGROUND_VOLUME = 0.35;
/** A track made for another rate of the server's clock is made anew; smaller differences are a matter of playing it. */
const RATE_APART = 0.05;
const SPOKEN = ["inhale", "hold", "exhale", "rest"];

/** @typedef {import("./pacer-view.js").Technique} Technique */

export class CueSound {
  /**
   * @param {import("./clock.js").ServerClock} clock
   * @param {() => {technique: Technique | null, next: Technique | null, title: string, session: string}} led what is
   *   shown to this person, and what comes next
   * @param {(now: number) => void} [onTick] about once a second while there is sound, with the server's milliseconds
   */
  constructor(clock, led, onTick = () => {}) {
    this._clock = clock;
    this._led = led;
    this._onTick = onTick;
    /** What somebody asked for: `tone`, `voice`, or the address of a background. @type {Set<string>} */
    this.wanted = new Set();
    /** Called when the sound ends or comes back by itself, as with a call or from the locked screen. @type {() => void} */
    this.changed = () => {};
    /** @type {Set<string>} what was on before it was interrupted */
    this._before = new Set();
    /** @type {HTMLAudioElement | null} */
    this.audio = null;
    /** @type {HTMLAudioElement | null} */
    this.background = null;
    /** @type {{key: string, length: number, rate: number, paced: boolean} | null} the track that is played; seconds */
    this.track = null;
    /** @type {Map<string, Promise<Blob>>} */
    this._made = new Map();
    this._key = "";
    this._changing = false;
    /** Whether the last look found it too far away to be worked off. */
    this._tooFar = false;
    this.tick = this.tick.bind(this);
  }

  /**
   * Switch one sound on or off; call from a tap, as browsers require it.
   * @param {string} what `tone`, `voice`, or the address of a background
   * @param {boolean} on
   * @returns {Promise<boolean>} whether what was asked for is so
   */
  async turn(what, on) {
    if (on) this.wanted.add(what);
    else this.wanted.delete(what);
    if (!this.wanted.size) return this.stop(), true;
    // Both before anything is waited for: the tap counts only for so long.
    const sounding = [this._play(), this._playBackground()];
    if (what === "voice" && on) sounding.push(this._loadWords());
    const all = (await Promise.all(sounding)).every(Boolean);
    if (all) this.tick();
    else if (on) await this.turn(what, false);
    return all;
  }

  /** End every sound. */
  stop() {
    this.wanted.clear();
    this._before.clear();
    clearInterval(this._timer);
    this._timer = undefined;
    this.audio?.pause();
    this.background?.pause();
    if ("mediaSession" in navigator) navigator.mediaSession.playbackState = "none";
  }

  /** End, and give everything back. */
  close() {
    this.stop();
    this.changed = () => {};
    if (this.audio) this._source("");
    this.audio = this.background = null;
    if (!("mediaSession" in navigator)) return;
    navigator.mediaSession.metadata = null;
    for (const action of /** @type {const} */ (["play", "pause", "stop"])) navigator.mediaSession.setActionHandler(action, null);
  }

  /** Take the track that is due, and correct its phase. */
  tick() {
    const now = this._clock.now();
    this._onTick(now);
    const { audio } = this;
    if (!audio || !this.wanted.size) return;
    const { technique, next } = this._led();
    const following = next && startOf(next) <= now ? next : technique;
    const due = this._due(following && startOf(following) <= now ? following : null);
    if (due.key !== this._key) this._change(due);
    // The next one is rendered ahead.
    if (next && next !== following) this._render(this._due(next));
    if (this._changing || !this.track?.paced || !following || audio.seeking || audio.paused) return;
    const { length, rate } = this.track;
    const { rate: correcting, jump } = correction(audio.currentTime, this._position(following, now), length);
    // Where the device is busy, browsers say a wrong position now and then, once.
    const surely = jump && this._tooFar;
    this._tooFar = jump && !surely;
    if (surely) audio.currentTime = this._position(following, now);
    const playing = correcting * (this._clock.rate / rate);
    if (audio.playbackRate !== playing) audio.playbackRate = playing;
  }

  /** Where the track should be at a time, in seconds. @param {Technique} technique @param {number} now */
  _position(technique, now) {
    const { length, rate } = /** @type {{length: number, rate: number}} */ (this.track);
    return ((now - startOf(technique)) / 1000 / rate) % length;
  }

  /** The track for a technique; silence for none. @param {Technique | null} technique */
  _due(technique) {
    const [tone, voice] = [this.wanted.has("tone"), this.wanted.has("voice") && Boolean(this._words)];
    const paced = technique && (tone || voice) ? stepsOf(technique.steps ? { steps: technique.steps } : technique.pattern) : null;
    const old = this.track?.rate ?? 1;
    const rate = Math.abs(this._clock.rate / old - 1) > RATE_APART ? this._clock.rate : old;
    const steps = (paced ?? []).map((step) => ({ ...step, ms: step.ms / rate }));
    return { key: JSON.stringify([steps, tone, voice, rate]), steps, tone, voice, rate };
  }

  /** @param {ReturnType<CueSound["_due"]>} due @returns {Promise<Blob>} */
  _render({ key, steps, tone, voice }) {
    const known = this._made.get(key);
    if (known) return known;
    const making = inSlices(cueTrack(steps, { tone, words: voice ? this._words : null, ...(steps.length ? {} : { shortest: SILENCE_MS }) }));
    // The present one and the next.
    this._made = new Map([...[...this._made].slice(-1), [key, making]]);
    return making;
  }

  /** @param {ReturnType<CueSound["_due"]>} due */
  async _change(due) {
    this._key = due.key;
    this._changing = true;
    const blob = await this._render(due);
    const { audio } = this;
    if (this._key !== due.key || !audio) return;
    const length = due.steps.length ? lengthOf(due.steps) / 1000 : SILENCE_MS / 1000;
    this.track = { key: due.key, length, rate: due.rate, paced: due.steps.length > 0 };
    this._source(URL.createObjectURL(blob));
    this._name();
    await Promise.race([new Promise((done) => audio.addEventListener("loadedmetadata", done, { once: true })), after(ANSWERS_WITHIN_MS)]);
    if (this._key !== due.key) return;
    if (!this.wanted.size) return void ([this._key, this._changing] = ["", false]);
    const { technique } = this._led();
    if (this.track.paced && technique) audio.currentTime = this._position(technique, this._clock.now());
    const sounds = await this._play();
    if (this._key !== due.key) return;
    this._changing = false;
    // A call may have taken the sound meanwhile.
    if (sounds && !audio.paused) this.tick();
    else this._ended();
  }

  /** Play; the first time this makes the element. @returns {Promise<boolean>} whether it plays */
  async _play() {
    if (!this.audio) {
      this.audio = new Audio();
      this.audio.loop = true;
      // A correction is a passing change of pitch; stretching would blur every note.
      this.audio.preservesPitch = false;
      this._source(URL.createObjectURL(cueAtOnce([], { shortest: 1_000 })));
      this.audio.addEventListener("timeupdate", this.tick);
      this.audio.addEventListener("pause", () => this._ended());
      this.audio.addEventListener("playing", () => this._resumed());
      this._answerLockedScreen();
    }
    this._timer ??= setInterval(this.tick, TICK_MS);
    return plays(this.audio);
  }

  async _playBackground() {
    const address = [...this.wanted].find((what) => what !== "tone" && what !== "voice");
    if (!address) return this.background?.pause(), true;
    if (this.background?.getAttribute("src") !== address) {
      this.background?.pause();
      this.background = new Audio();
      this.background.loop = true;
      this.background.volume = BACKGROUND_VOLUME;
      this.background.setAttribute("src", address);
    }
    return plays(this.background, BACKGROUND_WITHIN_MS);
  }

  /** @returns {Promise<boolean>} */
  async _loadWords() {
    try {
      const files = SPOKEN.map(async (name) => {
        const answer = await fetch(new URL(`./voice/${language}/${name}.wav`, import.meta.url));
        if (!answer.ok) throw new Error(answer.statusText);
        return [name, samplesOf(await answer.arrayBuffer())];
      });
      this._words ??= Object.fromEntries(await Promise.all(files));
    } catch {
      return false;
    }
    return true;
  }

  /** The sound ended by itself. */
  _ended() {
    if (this._changing || !this.wanted.size) return;
    const before = new Set(this.wanted);
    this.stop();
    this._before = before;
    this.changed();
  }

  /** The sound came back by itself. */
  _resumed() {
    if (this.wanted.size) return;
    if (!this._before.size) return void this.audio?.pause();
    this.wanted = this._before;
    this._before = new Set();
    this._timer ??= setInterval(this.tick, TICK_MS);
    this._playBackground();
    this.changed();
    this.tick();
  }

  _answerLockedScreen() {
    if (!("mediaSession" in navigator)) return;
    const session = navigator.mediaSession;
    session.setActionHandler("play", () => this.audio?.play().catch(() => {}));
    session.setActionHandler("pause", () => this.audio?.pause());
    session.setActionHandler("stop", () => (this.stop(), this.changed()));
  }

  /** Say on the locked screen what is heard. */
  _name() {
    if (!("mediaSession" in navigator)) return;
    const { title, session } = this._led();
    navigator.mediaSession.metadata = new MediaMetadata({ title: title || t("practice.settle"), artist: session });
    navigator.mediaSession.playbackState = "playing";
  }

  /** @param {string} address of a track */
  _source(address) {
    const audio = /** @type {HTMLAudioElement} */ (this.audio);
    if (audio.src) URL.revokeObjectURL(audio.src);
    if (address) audio.src = address;
    else audio.removeAttribute("src");
  }
}

/** @param {Technique} technique */
function startOf(technique) {
  return Date.parse(String(technique.started_at));
}

/** @param {number} ms @returns {Promise<false>} */
function after(ms) {
  return new Promise((done) => setTimeout(() => done(false), ms));
}

/**
 * Play an element. A browser that refuses may do so by never answering; a track that takes the place of the one that was to
 * be played is no refusal, and is played next.
 * @param {HTMLAudioElement} audio
 */
function plays(audio, within = ANSWERS_WITHIN_MS) {
  return Promise.race([audio.play().then(() => true, (error) => error.name === "AbortError"), after(within)]);
}

/** Run a rendering, and let the page draw in between. @param {Generator<void, Blob>} making @returns {Promise<Blob>} */
async function inSlices(making) {
  const { port1, port2 } = new MessageChannel();
  for (let step = making.next(); ; step = making.next()) {
    if (step.done) return port1.close(), step.value;
    // Unlike timers, messages are not slowed down in a hidden page.
    await new Promise((done) => ((port1.onmessage = done), port2.postMessage(0)));
  }
}
