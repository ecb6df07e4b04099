/**
 * Who came to a session and how its techniques were rated: sums, names, and both as tables to download.
 * @module
 */

import { sessionPath } from "../api.js";
import { h, setText, show } from "../dom.js";
import { number, t } from "../i18n.js";
import { downloadTable } from "./table-file.js";

/**
 * @param {any} desk
 * @param {string} sessionId
 * @returns {{element: Element, load: () => Promise<void>}} `load` brings the figures up to date
 */
export function attendanceSection(desk, sessionId) {
  const path = sessionPath(sessionId);
  const sums = h("div", {});
  const problem = h("p", { class: "error", role: "alert" });
  const people = h("ul", { class: "people" });
  const names = h("details", {}, h("summary", {}, t("figures.names")), people);
  const table = (/** @type {string} */ what) => async () => setText(problem, (await downloadTable(desk, `${path}/${what}`, `${what}-${sessionId}.csv`)) ? "" : t("console.offline"));
  const element = h(
    "section",
    { "aria-labelledby": "figures-title", hidden: true },
    h("h2", { class: "group", id: "figures-title" }, t("figures.title")),
    sums,
    names,
    h(
      "div",
      { class: "actions" },
      h("button", { type: "button", onclick: table("attendance") }, t("figures.attendance_csv")),
      h("button", { type: "button", onclick: table("ratings") }, t("figures.ratings_csv")),
    ),
    problem,
  );
  let shown = "";
  /** Whether there is no session to ask of: the story was told without one. */
  let none = false;
  const load = async () => {
    if (none) return;
    const [came, rated] = await Promise.all([desk.ask("GET", `${path}/attendance`), desk.ask("GET", `${path}/ratings`)]);
    none = came.status === 404;
    if (!came.ok || !rated.ok) return;
    const answers = JSON.stringify([came.data, rated.data]);
    if (answers === shown) return;
    shown = answers;
    element.hidden = came.data.people.length === 0;
    const { registered, registered_came: here } = came.data;
    const rows = rated.data.techniques.map((/** @type {any} */ each) => rating(each.technique, each));
    if (rated.data.ratings) rows.unshift(rating(t("figures.session"), rated.data));
    show(
      sums,
      registered ? h("p", { class: "quiet" }, t("figures.said_so", { count: registered, came: here })) : null,
      rows.length ? h("ul", { class: "people" }, ...rows) : h("p", { class: "quiet" }, t("figures.no_ratings")),
    );
    show(people, ...came.data.people.map(person));
  };
  return { element, load };
}

/** @param {string} name @param {{ratings: number, average: number}} given */
function rating(name, given) {
  const text = t("listen_in.rating", { mean: number(given.average, { maximumFractionDigits: 1 }), count: given.ratings });
  return h("li", {}, h("span", { class: "person" }, name), h("span", { class: "quiet" }, text));
}

/** @param {{name: string | null, registered: string | null, came: boolean, minutes: number | null}} each */
function person(each) {
  const came = each.minutes === null ? t("coming.came") : t("figures.minutes", { count: each.minutes });
  return h("li", {}, h("span", { class: "person" }, each.name ?? t("coming.no_name")), h("span", { class: "quiet" }, each.came ? came : t("coming.not_here")));
}
