/**
 * The card of a rest: milestones and achievements, group figures, the person's own, and a rating. Held back until then.
 * @module
 */

import { h, show } from "../dom.js";
import { number, t } from "../i18n.js";
import { ratingButtons } from "./rating.js";

/**
 * @param {Element} place
 * @param {any} visit
 * @param {boolean} resting
 */
export function restCard(place, visit, resting) {
  const { room } = visit;
  const key = resting ? JSON.stringify([room.technique?.technique, room.moments.length, groupLine(room.metrics)]) : "";
  if (place.getAttribute("data-key") === key) return;
  place.setAttribute("data-key", key);
  if (!resting) return show(place);
  const technique = room.technique?.technique;
  show(
    place,
    ...room.moments.slice(-3).map((moment) => h("p", { class: "moment" }, momentText(moment))),
    groupLine(room.metrics) ? h("p", { class: "quiet" }, groupLine(room.metrics)) : null,
    technique && !visit.rated?.has(technique)
      ? ratingButtons(t("rest.how", { technique }), (rating) => {
          visit.rated = new Set([...(visit.rated ?? []), technique]);
          return visit.client.feedback("technique_feedback", { technique, rating });
        })
      : null,
  );
}

/** @param {{kind: string, text: string, detail?: string}} moment */
export function momentText(moment) {
  if (moment.kind === "milestone") return t("moment.milestone", { percent: number(Math.round(Number(moment.text))) });
  return moment.detail ? `${moment.text}. ${moment.detail}` : moment.text;
}

/** The group figures in one line; empty when too few people are measured. @param {any} metrics */
export function groupLine(metrics) {
  const improvement = metrics?.hrv_improvement ?? metrics?.current_hrv_improvement;
  if (typeof improvement !== "number") return "";
  const percent = number(Math.round(improvement), { signDisplay: "exceptZero" });
  return t("group.hrv", { percent });
}
