/** The pacer of a technique's page: a button, and a breath that begins with an inhale. */
import { Stage, WORDS } from "./pacer.js";

const place = document.querySelector("[data-pacer]");
const pattern = JSON.parse(document.getElementById("pattern").textContent);
const stage = new Stage();
stage.show(null, 0, WORDS.ready);
const button = document.createElement("button");
button.type = "button";
button.textContent = WORDS.begin;
const controls = document.createElement("div");
controls.className = "player-controls";
controls.append(button);
place.append(stage.element, controls);
place.hidden = false;

let began = null;

function frame(now) {
  if (began === null) return;
  stage.show(pattern, now - began);
  requestAnimationFrame(frame);
}

button.addEventListener("click", () => {
  const starts = began === null;
  button.textContent = starts ? WORDS.stop : WORDS.begin;
  button.classList.toggle("plain", starts);
  began = starts ? performance.now() : null;
  if (starts) requestAnimationFrame(frame);
  else stage.show(null, 0, WORDS.ready);
});
