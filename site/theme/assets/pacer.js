/**
 * The pacer: where a breath is at a moment, and the orb that shows it.
 *
 * A pattern is `{cycle_ms, steps: [{name, ms, from, to}]}`; from and to are the fullness of the lungs, 0 to 1.
 * @typedef {{name: string, ms: number, from: number, to: number}} Step
 * @typedef {{cycle_ms: number, steps: Step[]}} Pattern
 */

/** What the page says to its scripts, in the language of the site. */
export const WORDS = JSON.parse(document.getElementById("words").textContent);
const SMALLEST = 0.42;
/** Below this a large movement would be a flicker. */
const CALM_CYCLE_MS = 3000;
const SVG = "http://www.w3.org/2000/svg";
const RING = 2 * Math.PI * 92;

/**
 * The step under way, how far it is (0 to 1), the fullness, and the whole seconds left in it.
 * @param {Pattern} pattern @param {number} elapsed milliseconds since the technique began
 */
export function breathAt(pattern, elapsed) {
  let into = ((elapsed % pattern.cycle_ms) + pattern.cycle_ms) % pattern.cycle_ms;
  let step = pattern.steps[pattern.steps.length - 1];
  for (const each of pattern.steps) {
    if (into < each.ms) { step = each; break; }
    into -= each.ms;
  }
  const progress = Math.min(1, into / step.ms);
  const eased = (1 - Math.cos(Math.PI * progress)) / 2;
  return {
    step: step.name,
    progress,
    fullness: step.from + (step.to - step.from) * eased,
    left: Math.max(1, Math.ceil((step.ms - into) / 1000)),
  };
}

/** The orb's scale for a fullness; short cycles move a tenth at most. @param {Pattern} pattern @param {number} fullness */
export function scaleAt(pattern, fullness) {
  if (pattern.cycle_ms < CALM_CYCLE_MS) return 0.9 + 0.1 * fullness;
  return SMALLEST + (1 - SMALLEST) * fullness;
}

/** @param {string} name @param {Record<string, string|number>} attributes */
function drawn(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

/** An orb, the word in it and the seconds left; with reduced motion a bar that fills step by step. */
export class Stage {
  constructor() {
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.element = document.createElement("div");
    this.element.className = "player-stage";
    const svg = drawn("svg", { viewBox: "0 0 200 200", "aria-hidden": "true" });
    svg.append(drawn("circle", { class: "orb-ring", cx: 100, cy: 100, r: 92, fill: "none" }));
    this.orb = drawn("circle", { class: "orb", cx: 100, cy: 100, r: 84 });
    this.ring = drawn("circle", { class: "hold", cx: 100, cy: 100, r: 92, "stroke-dasharray": `0 ${RING}` });
    this.bar = drawn("rect", { class: "orb", x: 20, y: 150, width: 0, height: 12, rx: 6 });
    svg.append(...(this.still ? [this.bar] : [this.orb, this.ring]));
    this.word = document.createElement("p");
    this.word.className = "player-word";
    this.name = document.createElement("span");
    this.seconds = document.createElement("small");
    this.word.append(this.name, this.seconds);
    this.element.append(svg, this.word);
    this.show(null, 0);
  }

  /**
   * @param {Pattern|null} pattern null is a rest between techniques @param {number} elapsed milliseconds
   * @param {string} [word] what stands in the orb at rest
   */
  show(pattern, elapsed, word = WORDS.free) {
    if (!pattern) {
      this.name.textContent = word;
      this.seconds.textContent = "";
      this.orb.style.transform = "scale(0.6)";
      this.ring.setAttribute("stroke-dasharray", `0 ${RING}`);
      return;
    }
    const breath = breathAt(pattern, elapsed);
    const stepWord = WORDS[breath.step] ?? "";
    if (this.name.textContent !== stepWord) this.name.textContent = stepWord;
    const left = String(breath.left);
    if (this.seconds.textContent !== left) this.seconds.textContent = left;
    if (this.still) {
      this.bar.setAttribute("width", String(Math.round(160 * Math.ceil(breath.progress * 10) / 10)));
      return;
    }
    this.orb.style.transform = `scale(${scaleAt(pattern, breath.fullness).toFixed(4)})`;
    const holds = breath.step === "hold" || breath.step === "rest";
    this.ring.setAttribute("stroke-dasharray", `${(holds ? breath.progress * RING : 0).toFixed(1)} ${RING}`);
  }
}
