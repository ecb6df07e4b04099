/**
 * The "I need to stop" dialog: stops this person's pacer, tells the staff privately, and names help.
 * @module
 */

import { h, setText } from "../dom.js";
import { t } from "../i18n.js";

/**
 * @param {any} visit
 * @param {{onStop: () => void, onReturn: () => void}} practice
 */
export function stopDialog(visit, { onStop, onReturn }) {
  const status = h("p", { role: "status" });
  const emergency = h("p", { class: "emergency" });
  /** Whether this page said last that the person stopped. */
  let stopped = false;
  const back = () => {
    stopped = false;
    element.close();
    onReturn();
    tell().catch(() => {});
  };
  const tell = () => {
    // For the next practice screen of this page, which begins from the same welcome.
    if (visit.client.welcome) visit.client.welcome.stopped = stopped;
    return visit.client.send("need_to_stop", stopped ? {} : { stopped });
  };
  const element = h(
    "dialog",
    { class: "stop-dialog", "aria-labelledby": "stop-title", oncancel: () => back() },
    h("h2", { id: "stop-title" }, t("stop.title")),
    h("p", {}, t("stop.text")),
    status,
    emergency,
    h(
      "div",
      { class: "lower" },
      h("button", { class: "primary wide", type: "button", onclick: () => back() }, t("stop.return")),
      h("button", { class: "wide", type: "button", onclick: () => (element.close(), visit.leave()) }, t("stop.leave")),
    ),
  );
  const show = () => {
    stopped = true;
    onStop();
    setText(status, "");
    setText(emergency, visit.room.emergency ?? t("stop.emergency"));
    element.showModal();
  };
  const known = () => setText(status, t("stop.told", { name: visit.room.instructor || t("the_instructor") }));
  const open = () => {
    show();
    return report();
  };
  const report = async () => {
    try {
      await tell();
      known();
    } catch {
      setText(status, t("stop.not_told"));
    }
  };
  return {
    element,
    open,
    /**
     * Agree with the server after a welcome: what was pressed while the line was lost is told now.
     * @param {boolean | undefined} there what the server knows
     * @param {boolean} fresh whether this screen has just been opened, as after a reload: then the server is right
     */
    align(there, fresh) {
      if (there === undefined || there === stopped) return;
      if (fresh) (show(), known());
      else if (stopped) report();
      else tell().catch(() => {});
    },
  };
}
