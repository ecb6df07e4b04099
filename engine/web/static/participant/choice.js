/**
 * Asks once, from the plan, whether a person consents to vigorous techniques. Off by default, and visible to nobody else.
 * @module
 */

import { h } from "../dom.js";
import { needsChoice } from "../gentle-choice.js";
import { caution, t } from "../i18n.js";
import { remember } from "../memory.js";

/** The question as a card in the waiting room; null when no technique needs consent. @param {any} visit */
export function choiceCard(visit) {
  const items = needsChoice(visit.room.plan);
  if (items.length === 0) return null;
  // Shown once is asked: leaving it unticked is a no.
  for (const item of items) visit.asked.add(item.technique);
  const note = h("p", { class: "quiet", role: "status" });
  const boxes = items.map((item) => {
    const id = `choice-${item.technique.replace(/\W+/g, "-")}`;
    const box = h("input", {
      type: "checkbox",
      id,
      checked: visit.accepted.has(item.technique),
      onchange: () => {
        choose(visit, item.technique, box.checked);
        note.textContent = t("choice.noted");
      },
    });
    return question(item, h("label", { class: "check", for: id }, box, h("span", {}, t("choice.yes"))));
  });
  return h("section", { class: "card" }, h("h2", {}, t("choice.title")), h("p", {}, t("choice.text")), ...boxes, note);
}

/** The same as a screen, for those who join after the start. @param {any} visit */
export function choiceScreen(visit) {
  const items = needsChoice(visit.room.plan).filter((item) => !visit.asked.has(item.technique));
  const done = (accepted) => () => {
    for (const item of items) choose(visit, item.technique, accepted);
    visit.room.dispatchEvent(new CustomEvent("choice"));
  };
  const element = h(
    "section",
    { class: "screen choice" },
    h("h1", {}, t("choice.title")),
    h("p", { class: "lead" }, t("choice.text")),
    ...items.map((item) => question(item, null)),
    h(
      "div",
      { class: "lower" },
      h("button", { class: "primary wide", onclick: done(false) }, t("choice.gentle")),
      h("button", { class: "wide", onclick: done(true) }, t("choice.full")),
    ),
  );
  return { element };
}

/** @param {any} item @param {Node | null} answer */
function question(item, answer) {
  const gentle = typeof item.gentle === "string" ? item.gentle : item.gentle?.technique;
  return h(
    "div",
    { class: "question" },
    h("h3", {}, item.technique),
    ...(item.cautions ?? []).map((text) => h("p", { class: "quiet" }, caution(text))),
    gentle ? h("p", {}, t("choice.instead", { technique: gentle })) : null,
    answer,
  );
}

/** @param {any} visit @param {string} technique @param {boolean} accepted */
function choose(visit, technique, accepted) {
  visit.asked.add(technique);
  if (accepted) visit.accepted.add(technique);
  else visit.accepted.delete(technique);
  remember(visit.sessionId, { asked: [...visit.asked], accepted: [...visit.accepted] });
  // The choice applies at once, also while offline; the server gets it when it can.
  visit.client?.send("opt_in", { technique, accepted }).catch(() => {});
}
