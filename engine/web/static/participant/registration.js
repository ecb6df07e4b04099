/**
 * Before the start: register, or see one's own registration and cancel it. The server draws the form as on the session's
 * page; here it is answered in place.
 * @module
 */

import { apiRequest, sessionPath } from "../api.js";
import { BASE, h, setText, show } from "../dom.js";
import { language, t } from "../i18n.js";
import { recall, remember } from "../memory.js";
import { answerText } from "../refusals.js";
import { fetchPage } from "../session-page.js";

/**
 * Its element is empty until it is loaded, and where there is nothing to say; ``named`` is told the name that somebody gave.
 * @typedef {{element: HTMLElement, load: () => Promise<void>, named: (name: string) => void}} Part
 */

/**
 * One for all screens of a visit: an answer that comes when the next screen is shown is shown on that.
 * @param {any} visit
 * @returns {Part}
 */
export function registrationPart(visit) {
  visit.registration ??= partOf(visit);
  return visit.registration;
}

/**
 * @param {any} visit
 * @returns {Part}
 */
function partOf(visit) {
  const { sessionId } = visit;
  const path = sessionPath(sessionId);
  const element = h("div", { class: "coming" });
  let shown = "";
  let begun = 0;
  const own = () => recall(sessionId).identity?.resume;
  /** Who one is, and whether in the room: here, and by another tab. */
  const standing = () => JSON.stringify([own(), visit.seated, recall(sessionId).joined]);
  const load = async () => {
    const address = `${BASE}${path}/coming?lang=${language}`;
    const mine = own();
    const turn = ++begun;
    // A secret that proves nothing any more must not hide the form.
    const html = (mine && (await fetchPage(address, mine))) ?? (await fetchPage(address, visit.token));
    // Of before something was sent, or before a later look.
    if (turn !== begun) return undefined;
    // Of a room that was moved, it is known before the details are that it is not open any more.
    const open = visit.room.phase === "waiting" && !visit.opensAt;
    // What is as it was is not touched: it may have the focus. Without an answer it stays.
    const now = `${open} ${html}`;
    if (html === null || now === shown) return undefined;
    shown = now;
    const drawn = new DOMParser().parseFromString(html, "text/html").querySelector("section");
    // Once the room is open one joins it; only whoever has a place may give it back.
    if (open && !drawn?.dataset.registration) return show(element);
    drawn?.classList.add("card");
    drawn?.querySelector("form")?.addEventListener("submit", (event) => send(event, drawn));
    return show(element, drawn);
  };
  /** @param {SubmitEvent} event @param {HTMLElement} drawn */
  const send = async (event, drawn) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
    const { registration } = drawn.dataset;
    const fields = Object.fromEntries([...new FormData(form)].filter(([, value]) => String(value).trim()));
    const before = standing();
    button.disabled = true;
    begun += 1;
    visit.saying = registration
      ? apiRequest("DELETE", `${path}/registrations/${registration}`, { credential: own() })
      : apiRequest("POST", `${path}/registrations`, { body: fields, credential: visit.token });
    const answer = await visit.saying;
    button.disabled = false;
    // What was cancelled elsewhere is cancelled.
    if (!answer.ok && !(registration && answer.status === 404)) return refused(form, answer);
    // In the room by now, or somebody by another tab: who is somebody stays so, and needs no second place.
    const somebody = own() && standing() !== before;
    if (!somebody) become(registration ? null : { resume: answer.data.secret }, String(fields.name ?? ""));
    else if (!registration) await giveBack(answer.data);
    await load();
    const heading = element.querySelector("h2");
    heading?.setAttribute("tabindex", "-1");
    const inFocus = document.activeElement;
    // Whoever has gone on meanwhile is left where they are.
    if (inFocus === document.body || element.contains(inFocus)) heading?.focus();
    return undefined;
  };
  /** @param {{registration: string, secret: string}} made */
  const giveBack = ({ registration, secret }) => apiRequest("DELETE", `${path}/registrations/${registration}`, { credential: secret });
  /** @param {HTMLFormElement} form @param {import("../api.js").ApiResponse} answer */
  const refused = (form, answer) => {
    const problem = form.querySelector(".error") ?? form.appendChild(h("p", { class: "error", role: "alert" }));
    setText(problem, answer.status === 409 ? t("coming.late") : answerText(answer, t("line.not_sent")));
  };
  /** Be the one who comes from now on, also in a room that is being waited for. @param {{resume: string} | null} identity @param {string} name */
  const become = (identity, name) => {
    remember(sessionId, { identity, joined: false, ...(name ? { name } : {}) });
    if (visit.client) visit.client.identity = identity;
    if (name) part.named(name);
  };
  /** Somebody may have cancelled meanwhile: looked at again, the page says so, unless words are being written into it. */
  const back = () => {
    const written = [...element.querySelectorAll("input")].some((field) => field.value);
    if (document.visibilityState === "visible" && element.isConnected && element.firstChild && !written) load();
  };
  document.addEventListener("visibilitychange", back);
  /** @type {Part} */
  const part = { element, load, named: () => {} };
  return part;
}
