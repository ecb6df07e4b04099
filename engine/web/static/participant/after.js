/**
 * The screen after a session: thanks, one question, what to keep, own data.
 * @module
 */

import { apiRequest, sessionPath } from "../api.js";
import { BASE, h, setText, show } from "../dom.js";
import { dayAndTime, t } from "../i18n.js";
import { forget, recall, remember } from "../memory.js";
import { ratingButtons } from "./rating.js";
import { feedbackForm } from "./feedback-form.js";
import { keepsake } from "./keepsake.js";

/**
 * @param {any} visit
 * @param {{left?: boolean} | undefined} detail
 */
export function afterScreen(visit, detail) {
  const { room, sessionId } = visit;
  const memory = recall(sessionId);
  const others = Math.max(room.most, memory.most ?? 0) - 1;
  const seconds = room.ending?.duration ?? memory.duration ?? 0;
  const title = room.title || memory.title || t("entry.title");
  const page = room.page_url ?? memory.page ?? `${BASE}/sessions/${encodeURIComponent(sessionId)}/`;
  const hidden = room.visibility === "private" || (!room.visibility && memory.hidden);
  remember(sessionId, { most: others + 1, duration: seconds, title, page, hidden, left: Boolean(detail?.left) });
  const me = (method, path, body) =>
    apiRequest(method, `${sessionPath(sessionId)}/me${path}`, { body, credential: memory.identity?.resume });
  const form = feedbackForm(me);
  const rating = ratingButtons(t("after.how"), (value) => form.rate(value));
  /** After a withdrawal: remove everything that asks for or sends data. */
  const gone = () => {
    forget(sessionId);
    const status = h("p", { role: "status", tabindex: "-1" }, t("after.data_deleted"));
    show(element, orb, heading, about, status, h("a", { class: "button wide", href: `${BASE}/` }, t("trouble.home")));
    status.focus();
  };
  const following = h("div", {});
  nextSession(sessionId, visit.token ?? memory.identity?.resume).then((card) => card && following.replaceChildren(card));
  const orb = h("div", { class: "still-orb", "aria-hidden": "true" }, h("div", {}));
  const heading = h("h1", {}, others > 0 ? t("after.with", { count: others }) : t("after.alone"));
  const about = h("p", { class: "lead" }, lead(seconds, title));
  const element = h(
    "section",
    { class: "screen after" },
    orb,
    heading,
    about,
    detail?.left
      ? h("button", { class: "wide", type: "button", onclick: () => comeBack(sessionId) }, t("after.come_back"))
      : null,
    rating,
    form.element,
    following,
    keepsake(me, { title, page, others, left: Boolean(detail?.left), credential: hidden ? memory.identity?.resume : null }),
    dataCard(me, gone),
  );
  return { element };
}

/**
 * The card of the next session, with its calendar file; null where none is to come.
 * @param {string} sessionId
 * @param {string | null | undefined} credential
 */
async function nextSession(sessionId, credential) {
  let answer = await apiRequest("GET", sessionPath(sessionId), { credential });
  // A link that has expired is not needed to know of an open session.
  if (answer.status === 401) answer = await apiRequest("GET", sessionPath(sessionId));
  const next = answer.ok ? answer.data.next_session : null;
  if (!next) return null;
  const at = Date.parse(next.scheduled_start);
  return h(
    "section",
    { class: "card next-session" },
    h("h2", {}, t("after.next")),
    h("p", {}, h("a", { href: next.urls.page }, next.title), h("br"), `${dayAndTime(at)} · ${t("entry.with", { name: next.instructor })}`),
    h("p", {}, h("a", { href: next.urls.calendar }, t("after.calendar"))),
  );
}

/** @param {number} seconds @param {string} title */
function lead(seconds, title) {
  if (seconds < 60) return title;
  return t("after.minutes", { count: Math.round(seconds / 60), title });
}

/** @param {string} sessionId */
function comeBack(sessionId) {
  remember(sessionId, { left: false });
  location.reload();
}

/**
 * The card with a person's own data: download or delete.
 * @param {(method: string, path: string) => Promise<import("../api.js").ApiResponse>} me
 * @param {() => void} gone when it is deleted
 */
function dataCard(me, gone) {
  const status = h("p", { class: "quiet", role: "status" });
  const actions = h("div", { class: "actions" });
  const remove = h("button", { type: "button", class: "danger", onclick: () => sure() }, t("after.data_delete"));
  const choices = [h("button", { type: "button", onclick: () => download(me, status) }, t("after.data_get")), remove];
  /** Ask for confirmation before deleting. */
  const sure = () => {
    const yes = h("button", { type: "button", class: "danger", onclick: () => withdraw(me, status, gone) }, t("after.data_delete_yes"));
    const no = h("button", { type: "button", onclick: () => (show(actions, ...choices), remove.focus()) }, t("console.never_mind"));
    show(actions, h("p", {}, t("after.data_delete_sure")), no, yes);
    no.focus();
  };
  show(actions, ...choices);
  return h("details", { class: "card" }, h("summary", {}, t("after.data")), h("p", {}, t("after.data_text")), actions, status);
}

async function download(me, status) {
  const answer = await me("GET", "");
  if (!answer.ok) return setText(status, t("after.not_now"));
  const file = new Blob([JSON.stringify(answer.data, null, 2)], { type: "application/json" });
  const link = h("a", { href: URL.createObjectURL(file), download: "my-session.json" });
  link.click();
  URL.revokeObjectURL(link.href);
  setText(status, t("after.data_got"));
}

async function withdraw(me, status, gone) {
  const answer = await me("DELETE", "");
  if (!answer.ok) return setText(status, t("after.not_now"));
  return gone();
}
