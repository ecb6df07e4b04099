/**
 * After the end: where each channel stands, and the drafts to read, change, approve and send.
 * @module
 */

import { sessionPath } from "../api.js";
import { h, show, write } from "../dom.js";
import { t } from "../i18n.js";
import { draftCard } from "./draft.js";

const LOOK_EVERY_MS = 1_500;
const DRAFTING = new Set(["email", "social"]);
const SETTLED = new Set(["done", "failed"]);

/**
 * @param {any} desk
 * @param {{sessionId: string, justEnded?: boolean}} detail
 */
export function deskScreen(desk, { sessionId, justEnded }) {
  const path = sessionPath(sessionId);
  const title = h("h1", {}, t("desk.title"));
  const lead = h("p", { class: "lead" });
  const channels = h("ul", { class: "channels", "aria-live": "polite" });
  const drafts = h("div", {});
  const said = h("p", { class: "error", role: "alert" });
  const places = h("div", {}, h("h2", { class: "group" }, t("desk.channels")), channels);
  const element = h(
    "section",
    { class: "screen console" },
    h("header", { class: "bar" }, title, desk.onlySession ? null : h("button", { type: "button", onclick: () => desk.turn("sessions") }, t("console.back"))),
    lead,
    said,
    places,
    h("h2", { class: "group" }, t("desk.drafts")),
    drafts,
  );
  let timer = 0;
  let shown = "";

  const about = async () => {
    const answer = await desk.ask("GET", path);
    if (answer.status === 401 || answer.status === 403) return desk.turn("sign_in", { refused: true, sessionId });
    if (answer.ok) write(title, answer.data.title);
    if (answer.ok) write(lead, t("desk.lead", { count: answer.data.participant_count ?? 0 }));
    return undefined;
  };
  const look = async () => {
    const answer = await desk.ask("GET", `/publications/${encodeURIComponent(sessionId)}`);
    // A session's own link leads the session; where its channels stand is for holders of a key.
    if (answer.status === 403) return lookAtDrafts();
    const rows = answer.ok ? rowsOf(answer.data) : [];
    const key = JSON.stringify(rows);
    if (key !== shown) {
      shown = key;
      show(channels, ...rows.map((row) => channelRow(row, sessionId, again)));
      if (rows.some((row) => DRAFTING.has(row.channel) && row.state === "done")) await fillDrafts();
    }
    if (rows.length === 0) show(channels, h("li", { class: "quiet" }, t(justEnded ? "desk.soon" : "desk.nothing")));
    const moving = rows.some((row) => !SETTLED.has(row.state));
    if (moving || (justEnded && rows.length === 0)) timer = setTimeout(look, LOOK_EVERY_MS);
    return undefined;
  };
  const lookAtDrafts = async () => {
    places.hidden = true;
    if (!(await fillDrafts()) && justEnded) timer = setTimeout(lookAtDrafts, LOOK_EVERY_MS);
  };
  const again = async () => {
    const answer = await desk.ask("POST", `/publications/${encodeURIComponent(sessionId)}/retry`);
    if (!answer.ok) write(said, answer.data?.message ?? t("console.offline"));
    shown = "";
    await look();
  };
  const fillDrafts = async () => {
    const answer = await desk.ask("GET", `${path}/drafts`);
    const found = answer.ok ? answer.data.drafts ?? [] : [];
    if (found.length === 0) {
      show(drafts, h("p", { class: "quiet" }, t("desk.no_drafts")));
      return false;
    }
    const act = async (method, rest, body) => {
      const done = await desk.ask(method, `${path}/drafts/${rest}`, body);
      write(said, done.ok ? "" : done.data?.message ?? t("console.offline"));
      if (done.ok) await fillDrafts();
      return done.ok;
    };
    show(drafts, ...found.map((draft) => draftCard(draft, act)));
    return true;
  };
  about();
  look();
  return { element, close: () => clearTimeout(timer) };
}

/** @param {any} data @returns {{channel: string, state: string, attempts: number, last_error: string | null}[]} */
function rowsOf(data) {
  const channels = data.channels ?? [];
  return Array.isArray(channels) ? channels : Object.entries(channels).map(([channel, row]) => ({ channel, .../** @type {any} */ (row) }));
}

function channelRow(row, sessionId, again) {
  const done = row.state === "done";
  return h(
    "li",
    { "data-state": row.state },
    h("span", { class: "person" }, t(`channel.${row.channel}`)),
    h("span", { class: row.state === "failed" ? "error" : "quiet" }, t(`desk.state.${row.state}`), row.state === "failed" && row.last_error ? `: ${row.last_error}` : ""),
    done && row.channel === "web" ? h("a", { class: "button", href: `/sessions/${encodeURIComponent(sessionId)}/` }, t("desk.page")) : null,
    row.state === "failed" ? h("button", { type: "button", onclick: again }, t("trouble.again")) : null,
  );
}
