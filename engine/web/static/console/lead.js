/**
 * The panel that leads the plan: the present technique, its time left, and one button for the next step.
 * @module
 */

import { h, setText, show } from "../dom.js";
import { clockTime, t } from "../i18n.js";
import { PacerView } from "../pacer-view.js";
import { sumText } from "../plan-sum.js";
import { patternNote } from "./name-pattern.js";
import { loadTechniques, ownAmong } from "./techniques.js";

/**
 * @param {import("../room-state.js").RoomState} room
 * @param {import("../halcytone-client.js").HalcytoneClient} client
 * @param {(type: string, data?: object) => Promise<boolean>} command
 */
export function leadPanel(room, client, command) {
  const now = h("p", { class: "now-name" });
  const left = h("p", { class: "now-left", role: "timer" });
  const next = h("p", { class: "now-next", role: "status" });
  const fill = h("div", { class: "now-fill" });
  const track = h("div", { class: "now-bar", "aria-hidden": "true" }, fill);
  const rest = h("button", { type: "button", "aria-keyshortcuts": "R" });
  const go = h("button", { type: "button", class: "primary" });
  const plan = h("ol", { class: "plan-lead" });
  const sum = h("p", { class: "quiet plan-sum" });
  // The instructor sees the same pacer as the room.
  const pacer = new PacerView(client.clock);
  pacer.element.hidden = true;
  const bar = h("div", { class: "thumb-bar" }, rest, go);
  const begin = (item) =>
    command("change_technique", {
      technique: item.technique,
      ...(item.duration ? { duration: item.duration } : {}),
      ...(item.instruction ? { instruction: item.instruction } : {}),
      ...(item.breath ? { pattern: item.breath } : {}),
    });
  const other = adHoc(begin);
  const plans = h("div", { class: "plan-part" }, sum, plan, other);
  rest.addEventListener("click", () => command(room.resting ? "resume_practice" : "rest"));
  go.addEventListener("click", () => {
    if (room.phase !== "live") command("start");
    else if (upcoming()) begin(upcoming());
  });

  const upcoming = () => {
    const plan = room.plan.filter((item) => canBegin(item, room));
    const current = (room.next_technique ?? room.technique)?.technique;
    const after = plan[plan.map((item) => item.technique).lastIndexOf(current) + 1];
    return after ?? plan.find((item) => !room.practised.has(item.technique)) ?? null;
  };
  const element = h(
    "section",
    { class: "card lead-card" },
    h("h2", { class: "only-read" }, t("lead.title")),
    now,
    left,
    track,
    pacer.element,
    next,
    bar,
    plans,
  );
  // On a desk the plan scrolls within its card: the present row comes first in it, the next one below.
  const showPresent = () => {
    const row = [...plan.querySelectorAll("[aria-current]")].at(-1);
    if (row) plans.scrollTop += row.getBoundingClientRect().top - plans.getBoundingClientRect().top;
  };
  // A row under the hand stays there: a press meant for it would begin another.
  const resized = new ResizeObserver(() => !plans.matches(":hover") && !plans.contains(document.activeElement) && showPresent());
  resized.observe(plans);
  const paint = () => {
    const live = room.phase === "live";
    setText(now, room.resting ? t("practice.rest") : room.technique?.technique ?? t(live ? "lead.nothing" : "lead.not_begun"));
    setText(rest, t(room.resting ? "lead.resume" : "lead.rest"));
    rest.hidden = !live;
    track.hidden = !live;
    const coming = upcoming();
    // The main button is always the next step: to start, or the technique after this one.
    go.hidden = live ? !coming : !client.welcome;
    if (!live) setText(go, t("room.start"));
    else if (coming) setText(go, t("lead.go", { technique: coming.technique }));
    if (live) go.setAttribute("aria-keyshortcuts", "N");
    else go.removeAttribute("aria-keyshortcuts");
    breathe(live);
    const key = JSON.stringify([room.plan, room.technique?.technique, room.place, live]);
    if (plan.dataset.key === key) return;
    plan.dataset.key = key;
    show(plan, ...room.plan.map((item) => planned(item, room, live, begin)));
    setText(sum, sumText(room.plan));
    showPresent();
  };
  const breathe = (live) => {
    const shown = live && !room.resting ? room.technique : null;
    pacer.element.hidden = !shown;
    const key = JSON.stringify([shown, room.next_technique]);
    if (pacer.element.dataset.key === key) return;
    pacer.element.dataset.key = key;
    pacer.follow(shown);
    if (shown && room.next_technique) pacer.follow(room.next_technique);
  };
  room.addEventListener("change", paint);
  paint();
  pacer.start();
  return {
    element,
    /** The next step, by a key; a start takes a press of its button. */
    next: () => room.phase === "live" && !go.hidden && go.click(),
    rest: () => !rest.hidden && rest.click(),
    close() {
      pacer.stop();
      resized.disconnect();
    },
    /** @param {number} at server milliseconds */
    tick(at) {
      const technique = room.technique;
      const ends = technique?.duration ? Date.parse(technique.started_at) + technique.duration * 1000 : 0;
      const seconds = (ends - at) / 1000;
      if (room.phase !== "live") return setText(left, untilStart(room, at));
      setText(left, ends && !room.resting ? (seconds >= 0 ? t("lead.left", { time: clockTime(seconds) }) : t("lead.over", { time: clockTime(-seconds) })) : "");
      fill.style.transform = `scaleX(${ends ? Math.max(0, Math.min(1, 1 - seconds / technique.duration)) : 0})`;
      const coming = room.next_technique;
      setText(next, coming ? t("lead.next_in", { technique: coming.technique, count: Math.max(0, Math.ceil((Date.parse(coming.started_at) - at) / 1000)) }) : "");
      return undefined;
    },
  };
}

/** How long it is until the start; within a day. @param {any} room @param {number} at server milliseconds */
function untilStart(room, at) {
  const seconds = (Date.parse(room.scheduled_start ?? "") - at) / 1000;
  if (!(seconds < 86_400)) return "";
  return seconds > 0 ? t("lead.begins_in", { time: clockTime(seconds) }) : t("lead.begins_now");
}

function planned(item, room, live, begin) {
  const current = room.technique?.technique === item.technique;
  const minutes = item.duration ? ` · ${t("expect.minutes", { count: Math.max(1, Math.round(item.duration / 60)) })}` : "";
  return h(
    "li",
    { "aria-current": current ? "step" : false },
    h("span", {}, h("b", {}, item.technique), h("span", { class: "quiet" }, minutes)),
    canBegin(item, room)
      ? h("button", { type: "button", disabled: !live, "aria-label": t("lead.begin_named", { technique: item.technique }), onclick: () => begin(item) }, t("lead.begin"))
      : h("span", { class: "quiet" }, t("lead.room_only")),
  );
}

/** Group B techniques may only be led where people are together in one room. @param {any} item @param {any} room */
function canBegin(item, room) {
  return item.opt_in !== "B" || room.place === "room";
}

/** A technique that is not in the plan. Not a vigorous one: nobody has consented to it. */
function adHoc(begin) {
  const note = patternNote();
  let known = /** @type {any[]} */ ([]);
  const named = (event) => note.look(ownAmong(known, event.target.value) ? "" : event.target.value);
  const name = h("input", { id: "ad-hoc", list: "ad-hoc-names", maxlength: "100", required: true, oninput: named });
  const names = h("datalist", { id: "ad-hoc-names" });
  const minutes = h("input", { id: "ad-hoc-minutes", type: "number", min: "1", max: "120", value: "5" });
  const words = h("input", { id: "ad-hoc-words", maxlength: "300" });
  loadTechniques().then((all) => {
    known = all;
    show(names, ...all.filter((technique) => !technique.opt_in).map((technique) => h("option", { value: technique.name })));
  });
  return h(
    "details",
    {},
    h("summary", {}, t("lead.ad_hoc")),
    h(
      "form",
      {
        class: "form",
        onsubmit: (event) => {
          event.preventDefault();
          const own = ownAmong(known, name.value);
          begin({ technique: name.value.trim(), duration: Number(minutes.value) * 60, instruction: words.value.trim() || own?.words, breath: own?.breath });
        },
      },
      h("div", {}, h("label", { for: "ad-hoc" }, t("plan.technique")), name, names, note.element),
      h("div", {}, h("label", { for: "ad-hoc-minutes" }, t("plan.minutes")), minutes),
      h("div", {}, h("label", { for: "ad-hoc-words" }, t("plan.words")), words),
      h("button", { type: "submit" }, t("lead.begin_ad_hoc")),
    ),
  );
}
