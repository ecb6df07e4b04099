/**
 * What to expect of a session: the plan with its cautions, and where to hear the instructor.
 * @module
 */

import { BASE, h } from "../dom.js";
import { caution, t } from "../i18n.js";
import { sumText } from "../plan-sum.js";

/** @type {Promise<Map<string, any>> | null} */
let own = null;

/** The studio's own techniques by slug, asked for once, where a plan has what the catalogue does not know. */
function ownTechniques() {
  own ??= fetch(`${BASE}/console/techniques`)
    .then((answer) => (answer.ok ? answer.json() : []))
    .then((all) => new Map(all.filter((/** @type {any} */ each) => each.own).map((/** @type {any} */ each) => [each.slug, each])))
    .catch(() => {
      own = null;
      return new Map();
    });
  return own;
}

/** @param {any} room */
export function expectations(room) {
  const plan = room.plan ?? [];
  const sum = sumText(plan);
  return h(
    "div",
    {},
    room.listen_url ? listenCard(room.listen_url) : null,
    room.description ? h("section", { class: "card about" }, ...paragraphs(room.description)) : null,
    plan.length ? h("section", { class: "card" }, h("h2", {}, t("expect.title")), sum ? h("p", { class: "quiet plan-sum" }, sum) : null, h("ol", { class: "plan" }, ...plan.map(planned))) : null,
    h("p", { class: "quiet" }, t("expect.any_time")),
  );
}

/** @param {string} text with blank lines between its paragraphs */
function paragraphs(text) {
  return text.split(/\n{2,}/).map((part) => h("p", {}, part));
}

/** @param {any} item */
function planned(item) {
  const minutes = item.duration ? Math.max(1, Math.round(item.duration / 60)) : 0;
  const line = h(
    "li",
    {},
    h("span", { class: "plan-name" }, item.technique),
    minutes ? h("span", { class: "quiet" }, ` ${t("expect.minutes", { count: minutes })}`) : null,
    care(item.cautions),
  );
  if (!item.summary && item.slug) {
    ownTechniques().then((known) => {
      const technique = known.get(item.slug);
      if (technique) line.append(technique.summary ? h("p", { class: "quiet" }, technique.summary) : "", care(technique.cautions) ?? "");
    });
  }
  return line;
}

/** Cautions, folded; null without any. @param {string[]} [cautions] */
function care(cautions) {
  if (!cautions?.length) return null;
  return h("details", {}, h("summary", {}, t("expect.cautions")), ...cautions.map((text) => h("p", { class: "quiet" }, caution(text))));
}

/** The card for a voice call: open it first, then come back. @param {string} url */
function listenCard(url) {
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t("listen.title")),
    h(
      "ol",
      {},
      h("li", {}, h("a", { href: url, target: "_blank", rel: "noopener" }, t("listen.open"))),
      h("li", {}, t("listen.back")),
    ),
  );
}
