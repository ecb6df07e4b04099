/**
 * The screen of the team's keys, of one's own passkeys, and of the webhooks that tell other programs what happens here.
 * @module
 */

import { h, setText, show } from "../dom.js";
import { dateTime, t } from "../i18n.js";
import { answerText } from "../refusals.js";
import { confirmBefore } from "./confirmation.js";
import { passkeysPanel } from "./passkeys.js";

const DELIVERIES = 20;

/** @param {any} desk */
export function teamScreen(desk) {
  const problem = h("p", { class: "error", role: "alert" });
  const secret = h("div", { role: "status" });
  const keys = h("div", { class: "list" });
  const passkeys = passkeysPanel(desk);
  const webhooks = h("div", { class: "list" });
  const element = h(
    "section",
    { class: "screen console" },
    h("header", { class: "bar" }, h("h1", {}, t("team.title")), h("button", { type: "button", onclick: () => desk.turn("sessions") }, t("team.back"))),
    problem,
    secret,
    h("h2", { class: "group" }, t("team.keys")),
    keys,
    passkeys.element,
    webhooks,
  );

  /** Ask, say what is wrong, and load again. @returns {Promise<any>} the answer's data, null where it was refused */
  const act = async (/** @type {string} */ method, /** @type {string} */ path, /** @type {any} */ body) => {
    const answer = await desk.ask(method, path, body);
    setText(problem, answer.ok ? "" : answerText(answer, t("console.offline")));
    if (!answer.ok) return null;
    await load();
    return answer.data;
  };
  /** A secret is shown once: here, until the next one. */
  const showSecret = (/** @type {string} */ text, /** @type {string} */ value) => {
    const field = h("input", { readonly: true, value, id: "new-secret" });
    show(secret, h("label", { for: "new-secret" }, text), field);
    field.focus();
    field.select();
  };

  const load = async () => {
    const [team, programs] = await Promise.all([desk.ask("GET", "/keys"), desk.ask("GET", "/webhooks"), passkeys.load()]);
    if (team.status === 401) return desk.turn("sign_in", { refused: true });
    if (!team.ok) return setText(problem, answerText(team, t("console.offline")));
    show(keys, ...team.data.keys.map(keyCard), programs.ok ? newKey() : null);
    // Webhooks are the administrator's: nobody else is shown any.
    if (programs.ok) show(webhooks, h("h2", { class: "group", tabindex: "-1" }, t("hooks.title")), h("p", { class: "quiet" }, t("hooks.lead")), ...programs.data.webhooks.map(hookCard), newHook(programs.data.events));
    return undefined;
  };

  const keyCard = (/** @type {any} */ key) => {
    const path = `/keys/${encodeURIComponent(key.name)}`;
    const renew = async () => {
      const answer = await desk.ask("POST", `${path}/renew`);
      setText(problem, answer.ok ? "" : answerText(answer, t("console.offline")));
      if (!answer.ok) return;
      // One's own secret from before is worthless by now.
      if (key.own) desk.renewed(answer.data.key);
      showSecret(t("team.new_key", { name: key.name }), answer.data.key);
      await load();
    };
    const revoke = async () => {
      await act("DELETE", path, undefined);
      keys.querySelector(`[data-key="${CSS.escape(key.name)}"] h3`)?.focus();
    };
    const sure = h("div", { class: "inline-form", hidden: true });
    /** @param {"renew" | "revoke"} what @param {any} from @param {() => unknown} go */
    const ask = (what, from, go) => confirmBefore(sure, from, { question: t(`team.${what}_sure`, { name: key.name }), yes: t(`team.${what}_yes`) }, go);
    const fixed = key.revoked_at || key.name === "administrator";
    return h(
      "article",
      { class: "card", "data-key": key.name },
      h("h3", { tabindex: "-1" }, key.name),
      h("p", { class: "quiet" }, [t(`team.role_${key.role}`), key.email, key.revoked_at ? t("team.revoked") : null].filter(Boolean).join(" · ")),
      fixed
        ? null
        : h(
            "div",
            { class: "actions" },
            h("button", { type: "button", onclick: (/** @type {Event} */ event) => ask("renew", event.currentTarget, renew) }, t("team.renew")),
            h("button", { type: "button", class: "danger", onclick: (/** @type {Event} */ event) => ask("revoke", event.currentTarget, revoke) }, t("team.revoke")),
          ),
      sure,
    );
  };

  const newKey = () => {
    const name = h("input", { id: "key-name", required: true, maxlength: "100", autocomplete: "off" });
    const email = h("input", { id: "key-email", type: "email", autocomplete: "off" });
    const role = h("select", { id: "key-role" }, ...["instructor", "assistant", "admin"].map((each) => h("option", { value: each }, t(`team.role_${each}`))));
    const make = async () => {
      const data = await act("POST", "/keys", { name: name.value.trim(), role: role.value, email: email.value.trim() || null });
      if (data) showSecret(t("team.new_key", { name: data.name }), data.key);
    };
    return h(
      "form",
      { class: "card", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), make()) },
      h("h3", {}, t("team.make")),
      h("div", { class: "field" }, h("label", { for: "key-name" }, t("team.name")), name),
      h("div", { class: "field" }, h("label", { for: "key-email" }, t("team.email")), email),
      h("div", { class: "field" }, h("label", { for: "key-role" }, t("team.role")), role),
      h("button", { class: "primary", type: "submit" }, t("team.make_it")),
    );
  };

  const hookCard = (/** @type {any} */ hook) => {
    const path = `/webhooks/${hook.id}`;
    const outcome = h("p", { role: "status" });
    const deliveries = h("ol", { class: "chat" });
    const list = async () => {
      const answer = await desk.ask("GET", `${path}/deliveries?limit=${DELIVERIES}`);
      if (!answer.ok) return setText(outcome, answerText(answer, t("console.offline")));
      show(deliveries, ...(answer.data.deliveries.length ? answer.data.deliveries.map(deliveryLine) : [h("li", { class: "quiet" }, t("hooks.none_yet"))]));
      return undefined;
    };
    const test = async () => {
      setText(outcome, t("hooks.testing"));
      const answer = await desk.ask("POST", `${path}/test`);
      const works = answer.ok && answer.data.state === "done";
      setText(outcome, !answer.ok ? answerText(answer, t("console.offline")) : works ? t("hooks.works") : t("hooks.fails", { error: answer.data.error }));
      await list();
    };
    list();
    const sure = h("div", { class: "inline-form", hidden: true });
    const remove = async () => {
      await act("DELETE", path, undefined);
      if (!sure.isConnected) webhooks.querySelector("h2")?.focus();
    };
    const ask = (/** @type {any} */ from) => confirmBefore(sure, from, { question: t("hooks.remove_sure"), yes: t("hooks.remove_yes") }, remove);
    return h(
      "article",
      { class: "card", "data-webhook": hook.id },
      h("h3", {}, hook.description ?? hook.url),
      h("p", { class: "quiet" }, [hook.description ? hook.url : null, hook.events.join(", ")].filter(Boolean).join(" · ")),
      hook.state === "off" ? h("p", { class: "error" }, t("hooks.off", { when: dateTime(Date.parse(hook.off_at)), reason: hook.off_reason })) : null,
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", onclick: test }, t("hooks.test")),
        h("button", { type: "button", class: "danger", onclick: (/** @type {Event} */ event) => ask(event.currentTarget) }, t("hooks.remove")),
      ),
      sure,
      outcome,
      h("h4", {}, t("hooks.deliveries")),
      deliveries,
    );
  };

  const newHook = (/** @type {string[]} */ names) => {
    const url = h("input", { id: "hook-url", type: "url", required: true, placeholder: "https://example.org/hook" });
    const about = h("input", { id: "hook-about", maxlength: "200", autocomplete: "off" });
    const boxes = names.map((event) => h("input", { type: "checkbox", value: event, id: `event-${event}`, checked: true }));
    const make = async () => {
      const events = boxes.filter((box) => box.checked).map((box) => box.value);
      const data = await act("POST", "/webhooks", { url: url.value.trim(), events, description: about.value.trim() || null });
      if (data) showSecret(t("hooks.secret"), data.secret);
    };
    return h(
      "form",
      { class: "card", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), make()) },
      h("h3", {}, t("hooks.make")),
      h("div", { class: "field" }, h("label", { for: "hook-url" }, t("hooks.url")), url),
      h("div", { class: "field" }, h("label", { for: "hook-about" }, t("hooks.about")), about),
      h("fieldset", {}, h("legend", {}, t("hooks.events")), ...boxes.map((box) => h("label", { class: "check", for: box.id }, box, h("span", {}, box.value)))),
      h("button", { class: "primary", type: "submit" }, t("hooks.make_it")),
    );
  };

  load();
  return { element };
}

/** @param {any} delivery */
function deliveryLine(delivery) {
  const words = [t(`hooks.state_${delivery.state}`), delivery.status, delivery.error, delivery.attempts > 1 ? t("hooks.attempts", { count: delivery.attempts }) : null];
  return h("li", {}, h("b", {}, delivery.event), " ", `${dateTime(Date.parse(delivery.created_at))} · ${words.filter(Boolean).join(" · ")}`);
}
