/**
 * The draft desk of a session that is over: each channel's state, and the drafts to read, change and approve.
 * @module
 */

import { sessionPath } from "../api.js";
import { BASE, h, setText, show } from "../dom.js";
import { t } from "../i18n.js";
import { answerText } from "../refusals.js";
import { pageLink } from "../session-page.js";
import { attendanceSection } from "./attendance.js";
import { cardPicture } from "./card-picture.js";
import { draftCard } from "./draft.js";
import { SLOW_MS, poll, steady } from "./poll.js";

/** While something is on its way. */
const QUICK_MS = 1_500;
/** In the order in which they are shown. */
const CHANNELS = ["web", "email", "social", "analytics"];
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
  const none = h("p", { class: "quiet", hidden: true }, t("desk.no_drafts"));
  const drafts = h("div", { class: "list" });
  const card = h("figure", { class: "card-picture", hidden: true });
  const attendance = attendanceSection(desk, sessionId);
  const picture = () => cardPicture(sessionId, desk.credential);
  /** @type {Map<string, {shown: string, element: Element, isEdited: () => boolean, follow: (now: any) => void}>} by channel */
  const cards = new Map();
  const problem = h("p", { class: "error", role: "alert" });
  const element = h(
    "section",
    { class: "screen console" },
    h("header", { class: "bar" }, title, desk.onlySession ? null : h("button", { type: "button", onclick: () => leave() }, t("console.back"))),
    lead,
    problem,
    h("h2", { class: "group" }, t("desk.channels")),
    channels,
    card,
    h("h2", { class: "group" }, t("desk.drafts")),
    none,
    drafts,
    attendance.element,
  );
  let shown = "";
  /** Whether the server has answered what session it is. */
  let known = false;
  /** Whether the message shown is that the server is unreachable. */
  let away = false;
  /** Whether nobody took part: then nothing is published. */
  let nobody = false;
  let hidden = false;

  const way = () =>
    pageLink({ href: `${BASE}/sessions/${encodeURIComponent(sessionId)}/`, text: t("desk.page"), look: "button", aside: true, credential: hidden ? desk.credential : null });
  const about = async () => {
    const answer = await desk.ask("GET", path);
    if (answer.status === 401 || answer.status === 403) return desk.turn("sign_in", { refused: true, sessionId });
    known = answer.status !== 0;
    if (answer.ok) {
      nobody = !answer.data.participant_count;
      hidden = answer.data.visibility === "private";
      setText(title, answer.data.title);
      setText(lead, t("desk.lead", { count: answer.data.participant_count ?? 0 }));
    }
    return undefined;
  };
  /** Feedback comes for a day after the end, and mails leave: a desk that is looked at shows them within seconds. */
  const looking = poll(async () => {
    if (!known) await about();
    const answer = await desk.ask("GET", `${path}/drafts`);
    if (looking.ended) return SLOW_MS;
    if (answer.status === 0) {
      away = true;
      setText(problem, t("console.offline"));
      return shown ? SLOW_MS : QUICK_MS;
    }
    attendance.load();
    if (away) setText(problem, "");
    away = false;
    if (!answer.ok && answer.status !== 404) {
      // Keep what is shown: it may hold unsaved text.
      setText(problem, answer.status === 401 ? t("signin.refused") : answerText(answer, t("console.offline")));
      return SLOW_MS;
    }
    const withdrawn = Boolean(answer.data?.withdrawn_at);
    const states = (withdrawn ? null : answer.data?.channels) ?? {};
    const rows = CHANNELS.filter((channel) => channel in states).map((channel) => ({ channel, ...states[channel] }));
    const key = JSON.stringify(rows);
    if (key !== shown) {
      shown = key;
      show(channels, ...rows.map((row) => channelRow(row, desk.onlySession ? null : again, way)));
      if (rows.some((row) => row.channel === "web" && row.state === "done")) showCard();
    }
    if (rows.some((row) => DRAFTING.has(row.channel) && row.state === "done")) fill(answer.data.drafts);
    const soon = justEnded && !nobody;
    if (withdrawn) {
      fill([]);
      none.hidden = card.hidden = true;
    }
    if (rows.length === 0) show(channels, h("li", { class: "quiet" }, t(withdrawn ? "desk.withdrawn" : soon ? "desk.soon" : "desk.nothing")));
    const moving = rows.some((row) => !SETTLED.has(row.state));
    return moving || (soon && rows.length === 0) ? QUICK_MS : steady();
  });
  const unsaved = () => [...cards.values()].some((card) => card.isEdited());
  /** @param {BeforeUnloadEvent} event */
  const stay = (event) => unsaved() && event.preventDefault();
  let warned = false;
  const leave = () => {
    if (warned || !unsaved()) return desk.turn("sessions");
    warned = true;
    return setText(problem, t("desk.unsaved"));
  };
  const again = async () => {
    const answer = await desk.ask("POST", `/publications/${encodeURIComponent(sessionId)}/retry`);
    if (!answer.ok) setText(problem, answerText(answer, t("console.offline")));
    shown = "";
    await looking.now();
  };
  /** @returns {Promise<any>} the draft as it is now; null when it did not change */
  const act = async (method, rest, body) => {
    const done = await desk.ask(method, `${path}/drafts/${rest}`, body);
    setText(problem, done.ok ? "" : answerText(done, t("console.offline")));
    if (!done.ok) problem.scrollIntoView({ block: "nearest" });
    return done.ok ? done.data : null;
  };
  const showCard = async () => {
    const url = await picture();
    card.hidden = url === null;
    if (url) show(card, h("img", { src: url, alt: t("desk.card_alt", { title: title.textContent }), width: "1200", height: "630" }), h("figcaption", { class: "quiet" }, t("desk.card")));
  };
  /** Show the current drafts; a card that is being edited stays. */
  const fill = (found) => {
    none.hidden = found.length > 0;
    const names = new Set(found.map((draft) => draft.channel));
    for (const [name, card] of cards) if (!names.has(name) && !inWork(card)) (card.element.remove(), cards.delete(name));
    let next = null;
    for (const draft of [...found].reverse()) {
      const card = cards.get(draft.channel);
      if (!card) drafts.insertBefore(make(draft).element, next);
      else if (card.shown !== JSON.stringify(draft)) inWork(card) ? card.follow(draft) : card.element.replaceWith(make(draft).element);
      next = cards.get(draft.channel)?.element ?? next;
    }
  };
  const make = (draft) => {
    const made = { shown: JSON.stringify(draft), ...draftCard(draft, act, become, picture) };
    cards.set(draft.channel, made);
    return made;
  };
  /** Replace the card of one draft; the others keep their unsaved text. */
  const become = (now, before) => {
    const { element: card } = make(now);
    before.replaceWith(card);
    card.querySelector("h3").focus();
  };
  addEventListener("beforeunload", stay);
  looking.now();
  return {
    element,
    close: () => {
      looking.end();
      removeEventListener("beforeunload", stay);
    },
  };
}

/** Whether a card has unsaved text or the focus. @param {{element: Element, isEdited: () => boolean}} card */
function inWork(card) {
  return card.isEdited() || card.element.contains(document.activeElement);
}

/** @param {any} row @param {(() => void) | null} again @param {() => Element} way to the page */
function channelRow(row, again, way) {
  const done = row.state === "done";
  return h(
    "li",
    { "data-state": row.state },
    h("span", { class: "person" }, t(`channel.${row.channel}`)),
    h("span", { class: row.state === "failed" ? "error" : "quiet" }, t(`desk.state.${row.state}`), row.state === "failed" && row.last_error ? `: ${row.last_error}` : ""),
    done && row.channel === "web" ? way() : null,
    row.state === "failed" && again ? h("button", { type: "button", onclick: again }, t("trouble.again")) : null,
  );
}
