/**
 * The wall: read across a room, no controls, left alone for hours.
 * @module
 */

import { codeOf } from "./console/share.js";
import { h, show, write } from "./dom.js";
import { HalcytoneClient } from "./halcytone-client.js";
import { clockTime, loadStrings, t, timeWithZone } from "./i18n.js";
import { takeFragment } from "./memory.js";
import { PacerView } from "./pacer-view.js";
import { RoomState } from "./room-state.js";
import { WakeLock } from "./wake-lock.js";

const OVER = ["ending", "ended", "published"];

async function begin() {
  const sessionId = decodeURIComponent(location.pathname.split("/").filter(Boolean).pop() ?? "");
  const token = takeFragment().get("token");
  await loadStrings();
  const room = new RoomState();
  const client = new HalcytoneClient({ sessionId, role: "observer", token });
  const title = h("h1", {});
  const count = h("p", { class: "wall-count" });
  const time = h("p", { class: "wall-time", role: "timer" });
  const note = h("p", { class: "wall-note", role: "status" });
  const code = h("div", { class: "wall-code" });
  let opensAt = "";
  let refused = false;
  let over = false;

  const pacer = new PacerView(client.clock, (_, now) => {
    room.advance(now);
    write(time, timeText(now));
  });
  const timeText = (now) => {
    if (over || refused) return "";
    if (room.phase !== "live") {
      const left = (Date.parse(room.scheduled_start ?? opensAt) - now) / 1000;
      return left > 0 ? clockTime(left) : t("wall.now");
    }
    const technique = pacer.technique;
    const left = technique?.duration ? Date.parse(String(technique.started_at)) / 1000 + technique.duration - now / 1000 : 0;
    return left > 0 && technique?.duration && left <= technique.duration ? clockTime(left) : "";
  };
  const fill = () => {
    const live = room.phase === "live";
    over ||= OVER.includes(room.phase);
    document.body.dataset.wall = over ? "over" : live ? "live" : "before";
    const technique = room.resting ? t("practice.rest") : room.technique?.technique ?? t("practice.settle");
    write(title, room.cancelled ? t("trouble.cancelled.title") : over ? t("wall.thanks") : live ? technique : room.title);
    if (room.title) document.title = room.title;
    const people = over ? Math.max(room.most, room.count) : room.count;
    write(count, people ? t(over ? "wall.were" : live ? "wall.with" : "wall.here", { count: people }) : "");
    const begins = Date.parse(room.scheduled_start ?? "");
    write(note, !live && !over && begins > client.clock.now() ? t("wall.starts", { time: timeWithZone(begins) }) : "");
    const shown = live && !room.resting && !over ? room.technique : null;
    const key = JSON.stringify([shown, room.next_technique]);
    if (title.dataset.key !== key) {
      title.dataset.key = key;
      pacer.follow(shown);
      if (shown && room.next_technique) pacer.follow(room.next_technique);
    }
  };
  const element = h("section", { class: "wall" }, h("header", {}, title, count), pacer.element, code, h("footer", {}, time, note));

  room.addEventListener("change", fill);
  client.addEventListener("message", (event) => room.apply(/** @type {CustomEvent} */ (event).detail));
  client.addEventListener("over", () => {
    over = true;
    fill();
  });
  client.addEventListener("refused", (event) => {
    const { closeCode, details, final } = /** @type {CustomEvent} */ (event).detail;
    opensAt = details.opens_at ?? "";
    over ||= closeCode === 4505;
    refused = final && !over;
    fill();
    if (refused) {
      const named = { 4502: "no_such_session", 4507: "forbidden" }[closeCode] ?? "other";
      write(title, t(`trouble.${named}.title`));
      write(note, t(`trouble.${named}.text`));
    }
  });
  client.addEventListener("status", (event) => {
    // The pacer goes on by its own clock; the room need not notice.
    const away = /** @type {CustomEvent} */ (event).detail.status === "stalled";
    element.dataset.line = away ? t("wall.lost") : "";
  });
  client.connect();
  new WakeLock().keep();
  pacer.start();
  /** @type {Element} */ (document.querySelector("main")).replaceChildren(element);
  const join = `${location.origin}/sessions/join/${encodeURIComponent(sessionId)}`;
  // A private room's own link is not this page's to hand out.
  const picture = token ? null : await codeOf(join);
  if (picture?.localName === "img") {
    show(code, picture, h("p", {}, t("wall.join")));
    document.body.dataset.code = "yes";
  }
}

begin();
