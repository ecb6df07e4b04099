/**
 * The close: warm, one question, and what one may take along.
 * @module
 */

import { ask, sessionPath } from "../api.js";
import { BASE, h, write } from "../dom.js";
import { t } from "../i18n.js";
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
    ask(method, `${sessionPath(sessionId)}/me${path}`, { body, credential: memory.identity?.resume });
  const form = feedbackForm(me);
  const rating = ratingButtons(t("after.how"), (value) => form.rate(value));
  const gone = h("p", { class: "quiet", role: "status" });
  const element = h(
    "section",
    { class: "screen after" },
    h("div", { class: "still-orb", "aria-hidden": "true" }, h("div", {})),
    h("h1", {}, others > 0 ? t("after.with", { count: others }) : t("after.alone")),
    h("p", { class: "lead" }, lead(seconds, title)),
    detail?.left
      ? h("button", { class: "wide", type: "button", onclick: () => comeBack(sessionId) }, t("after.come_back"))
      : null,
    rating,
    form.element,
    keepsake(me, { title, page, others, left: Boolean(detail?.left), credential: hidden ? memory.identity?.resume : null }),
    h(
      "details",
      { class: "card" },
      h("summary", {}, t("after.data")),
      h("p", {}, t("after.data_text")),
      h("button", { type: "button", onclick: () => download(me, gone) }, t("after.data_get")),
      " ",
      h("button", { type: "button", class: "danger", onclick: () => withdraw(me, sessionId, gone) }, t("after.data_delete")),
      gone,
    ),
  );
  return { element };
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

async function download(me, said) {
  const answer = await me("GET", "");
  if (!answer.ok) return write(said, t("after.not_now"));
  const file = new Blob([JSON.stringify(answer.data, null, 2)], { type: "application/json" });
  const link = h("a", { href: URL.createObjectURL(file), download: "my-session.json" });
  link.click();
  URL.revokeObjectURL(link.href);
  write(said, t("after.data_got"));
}

async function withdraw(me, sessionId, said) {
  const answer = await me("DELETE", "");
  if (!answer.ok) return write(said, t("after.not_now"));
  forget(sessionId);
  write(said, t("after.data_deleted"));
}
