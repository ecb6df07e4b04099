/** The replay of a session: the time line moves, the pacer breathes, a mark runs along the curves. */
import { Stage, WORDS } from "./pacer.js";

const replay = JSON.parse(document.getElementById("replay").textContent);
const place = document.querySelector("[data-replay]");
const rows = [...document.querySelectorAll(".timeline li")];
const end = replay.duration;
// Where the drawing of a curve begins and ends, in its own units.
const LEFT = 44;
const RIGHT = 594;

/** @param {number} seconds */
function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** @param {string} name @param {string} className @param {string} [text] */
function made(name, className, text = "") {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  // What people wrote has the direction of its first letter.
  element.dir = "auto";
  return element;
}

const stage = new Stage();
const name = made("p", "player-technique");
const instruction = made("p", "player-said");
const play = made("button", "", WORDS.play);
play.type = "button";
const label = made("label", "player-seek");
const seek = document.createElement("input");
Object.assign(seek, { type: "range", min: "0", max: String(end), step: "1", value: "0" });
seek.setAttribute("aria-label", WORDS.where);
const shown = document.createElement("output");
label.append(seek, shown);
const controls = made("div", "player-controls");
controls.append(play, label);
place.append(stage.element, name, instruction, controls);
place.hidden = false;

const marks = [...document.querySelectorAll(".chart")].map((chart) => {
  const mark = document.createElementNS("http://www.w3.org/2000/svg", "path");
  mark.setAttribute("class", "rule playhead");
  chart.append(mark);
  return { mark, length: Number(chart.dataset.length) };
});

let at = 0;
let playing = false;
let before = 0;
let under = -2;

/** Show the moment `at`, which is in seconds. */
function show() {
  const index = replay.spans.findIndex((span) => at >= span.start && at < span.start + span.length);
  const span = replay.spans[index];
  const early = replay.spans.every((each) => at < each.start);
  const late = replay.spans.every((each) => at >= each.start + each.length);
  const title = span ? span.technique : early || late ? "" : WORDS.between;
  if (name.textContent !== title) name.textContent = title;
  if (index !== under) {
    under = index;
    instruction.textContent = span?.instruction ?? "";
    rows.forEach((row, number) => row.classList.toggle("is-now", number === index));
  }
  stage.show(span?.pattern ?? null, span ? (at - span.start) * 1000 : 0, early ? WORDS.ready : WORDS.free);
  const text = WORDS.of.replace("{at}", clock(at)).replace("{end}", clock(end));
  if (shown.textContent !== text) {
    shown.textContent = text;
    seek.value = String(Math.floor(at));
    seek.setAttribute("aria-valuetext", text);
    for (const { mark, length } of marks) {
      const x = LEFT + ((RIGHT - LEFT) * at) / length;
      mark.setAttribute("d", `M${x.toFixed(1)} 8V126`);
    }
  }
}

function frame(now) {
  if (!playing) return;
  // A page that was in the background goes on from where it was, without a leap.
  at += Math.min(0.25, (now - before) / 1000);
  before = now;
  if (at >= end) {
    at = end;
    set(false);
  }
  show();
  if (playing) requestAnimationFrame(frame);
}

/** @param {boolean} on */
function set(on) {
  playing = on;
  play.textContent = on ? WORDS.pause : WORDS.play;
  play.classList.toggle("plain", on);
  if (on) {
    if (at >= end) at = 0;
    // Nothing breathes before the first technique.
    at = Math.max(at, replay.spans[0]?.start ?? 0);
    before = performance.now();
    requestAnimationFrame(frame);
  }
}

play.addEventListener("click", () => set(!playing));
seek.addEventListener("input", () => {
  at = Number(seek.value);
  show();
});
rows.forEach((row, number) => {
  const start = row.querySelector(".timeline-start");
  const jump = made("button", "jump", start.textContent);
  jump.type = "button";
  jump.setAttribute("aria-label", WORDS.go.replace("{technique}", replay.spans[number].technique).replace("{at}", start.textContent));
  jump.addEventListener("click", () => {
    at = replay.spans[number].start;
    show();
    set(true);
  });
  start.replaceChildren(jump);
});
show();
