/**
 * Reports the breath without a strap: press the circle while inhaling, release it while exhaling.
 * @module
 */

export class HoldToInhale {
  /**
   * @param {HTMLElement} place
   * @param {import("../halcytone-client.js").HalcytoneClient} client
   */
  constructor(place, client) {
    this._place = place;
    this._client = client;
    this._held = false;
    this.on = false;
    place.addEventListener("pointerdown", () => this._tell(true));
    for (const kind of ["pointerup", "pointercancel", "pointerleave"]) place.addEventListener(kind, () => this._tell(false));
    place.addEventListener("contextmenu", (event) => this.on && event.preventDefault());
    place.addEventListener("keydown", (event) => event.key === " " && !event.repeat && this._tell(true));
    place.addEventListener("keyup", (event) => event.key === " " && this._tell(false));
  }

  /** @param {boolean} on */
  turn(on) {
    this.on = on;
    if (on) this._place.tabIndex = 0;
    else this._place.removeAttribute("tabindex");
    this._place.dataset.hold = on ? "yes" : "no";
  }

  /** @param {boolean} held */
  _tell(held) {
    if (!this.on || held === this._held) return;
    this._held = held;
    this._place.dataset.held = held ? "yes" : "no";
    this._client.tell("breath_tap", { phase: held ? "inhale" : "exhale" });
  }
}
