/**
 * The entry screen: what the session is, an optional name, one button.
 * @module
 */

import { h, setText } from "../dom.js";
import { dayAndTime, sentence, t } from "../i18n.js";
import { importOrReload } from "../import-or-reload.js";
import { recall } from "../memory.js";

/** @param {any} visit */
export function entryScreen(visit) {
  const { room } = visit;
  const title = h("h1", {}, t("entry.title"));
  const lead = h("p", { class: "lead" });
  const moved = h("p", { class: "quiet" });
  const name = h("input", {
    id: "name", name: "name", autocomplete: "given-name", maxlength: "40", enterkeyhint: "go", value: visit.name,
  });
  const button = h("button", { class: "primary wide", type: "submit" }, t("entry.join"));
  const form = h(
    "form",
    {
      class: "lower",
      onsubmit: (event) => {
        event.preventDefault();
        button.disabled = true;
        button.textContent = t("entry.joining");
        visit.join(name.value.trim());
      },
    },
    h("label", { for: "name" }, t("entry.name")),
    name,
    h("p", { class: "quiet", id: "name-note" }, t("entry.name_note")),
    button,
    h("p", { class: "quiet" }, t("entry.promise")),
  );
  const orb = h("div", { class: "still-orb", "aria-hidden": "true" }, h("div", {}));
  const entry = h("section", { class: "screen entry" }, orb, title, lead, moved, form);
  const element = h("div", { class: "entry-page" }, entry);
  let loading = false;
  /** Below the first view, which keeps its height: where one says that one comes. Loaded only where that can be. */
  const loadRegistration = async () => {
    loading = true;
    const { registrationPart } = await importOrReload(() => import("./registration.js"));
    const part = registrationPart(visit);
    part.named = (given) => (name.value ||= given);
    part.element.hidden = false;
    element.style.setProperty("--around", `${Math.max(0, innerHeight - entry.offsetHeight)}px`);
    element.append(part.element);
    part.load();
  };
  const fill = () => {
    setText(title, room.title || t("entry.title"));
    document.title = room.title || t("entry.title");
    setText(lead, leadOf(room));
    showPhoto(orb, room.instructor);
    const mayCome = room.phase === "scheduled" || (room.phase === "waiting" && recall(visit.sessionId).identity);
    if (visit.known && mayCome && !loading) loadRegistration();
    setText(moved, visit.moved && room.phase !== "live" ? t("waiting.moved") : "");
  };
  room.addEventListener("change", fill);
  fill();
  return { element, close: () => room.removeEventListener("change", fill) };
}

/**
 * Put the instructor's photo into the still circle, where the studio has one.
 * @param {any} orb
 * @param {string | undefined} instructor
 */
function showPhoto(orb, instructor) {
  const photos = Object.entries(JSON.parse(document.documentElement.dataset.photos ?? "{}"));
  const src = photos.find(([name]) => name.localeCompare(instructor ?? "", undefined, { sensitivity: "base" }) === 0)?.[1];
  if (src && orb.firstChild?.src !== new URL(src, location.href).href) orb.replaceChildren(h("img", { src, alt: "" }));
}

/** @param {any} room */
function leadOf(room) {
  const parts = [];
  if (room.instructor) parts.push(t("entry.with", { name: room.instructor }));
  if (room.phase === "live") parts.push(room.count ? t("entry.live", { count: room.count }) : t("entry.live_first"));
  else if (room.scheduled_start) {
    const at = Date.parse(room.scheduled_start);
    parts.push(dayAndTime(at));
  }
  return sentence(parts.join(" · "));
}
