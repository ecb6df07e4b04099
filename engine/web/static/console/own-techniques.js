/**
 * The screen of the studio's own techniques: made, changed and removed here; each has a page with its pacer.
 * @module
 */

import { BASE, h, setText, show } from "../dom.js";
import { t } from "../i18n.js";
import { answerText } from "../refusals.js";
import { confirmBefore } from "./confirmation.js";
import { stepsText } from "./name-pattern.js";
import { forgetTechniques } from "./techniques.js";

const STEPS = ["inhale", "hold", "exhale", "rest"];
const CALM = [4, 0, 6, 0];

/** @param {any} desk */
export function ownTechniquesScreen(desk) {
  const problem = h("p", { class: "error", role: "alert" });
  const note = h("p", { class: "note", role: "status" });
  const list = h("div", { class: "list" });
  const form = h("div", {});
  const element = h(
    "section",
    { class: "screen console" },
    h("header", { class: "bar" }, h("h1", {}, t("own.title")), h("button", { type: "button", onclick: () => desk.turn("sessions") }, t("team.back"))),
    h("p", { class: "quiet" }, t("own.lead")),
    problem,
    note,
    list,
    form,
  );

  const load = async () => {
    const answer = await desk.ask("GET", "/techniques");
    if (answer.status === 401) return desk.turn("sign_in", { refused: true });
    if (!answer.ok) return setText(problem, answerText(answer, t("console.offline")));
    return show(list, ...answer.data.techniques.filter((/** @type {any} */ each) => each.own).map(card));
  };
  /** Ask, say what is wrong, and load again. @returns {Promise<boolean>} whether it was done */
  const act = async (/** @type {string} */ method, /** @type {string} */ path, /** @type {any} */ body, /** @type {string} */ done) => {
    const answer = await desk.ask(method, path, body);
    setText(problem, answer.ok ? "" : answerText(answer, t("console.offline")));
    setText(note, answer.ok ? done : "");
    if (!answer.ok) return false;
    forgetTechniques();
    await load();
    return true;
  };

  const card = (/** @type {any} */ technique) => {
    const sure = h("div", { class: "inline-form", hidden: true });
    const path = `/techniques/${technique.slug}`;
    const remove = async () => {
      if (await act("DELETE", path, undefined, t("own.removed", { name: technique.name }))) form.querySelector("input")?.focus();
    };
    return h(
      "article",
      { class: "card", "data-technique": technique.slug },
      h("h3", { tabindex: "-1" }, technique.name),
      technique.summary ? h("p", {}, technique.summary) : null,
      h("p", { class: "quiet" }, stepsText(technique.breath)),
      h(
        "div",
        { class: "actions" },
        h("a", { class: "button", href: `${BASE}${path}/`, target: "_blank", rel: "noopener" }, t("own.try")),
        h("button", { type: "button", onclick: () => (edit(technique), form.querySelector("input")?.focus()) }, t("own.change")),
        h("button", { type: "button", class: "danger", onclick: (/** @type {Event} */ event) => confirmBefore(sure, event.currentTarget, { question: t("own.remove_sure", { name: technique.name }), yes: t("own.remove_yes") }, remove) }, t("own.remove")),
      ),
      sure,
    );
  };

  /** The form of a new technique, or of one that is there. @param {any} [technique] */
  const edit = (technique) => {
    const name = h("input", { id: "own-name", required: true, maxlength: "100", autocomplete: "off", value: technique?.name ?? "" });
    const breath = STEPS.map((step, index) =>
      h("input", { id: `own-${step}`, type: "number", min: "0", max: "120", step: "0.1", required: true, value: String(technique?.breath[index] ?? CALM[index]) }),
    );
    const usual = h("input", { id: "own-usual", type: "number", min: "1", max: "1000", value: String(technique?.rounds?.usual ?? "") });
    const most = h("input", { id: "own-most", type: "number", min: "1", max: "1000", value: String(technique?.rounds?.at_most ?? "") });
    const summary = h("input", { id: "own-summary", maxlength: "300", value: technique?.summary ?? "" });
    const words = h("input", { id: "own-words", maxlength: "200", value: technique?.words ?? "" });
    const cautions = h("textarea", { id: "own-cautions", rows: "4" });
    cautions.value = (technique?.cautions ?? []).join("\n");
    const save = async () => {
      const rounds = usual.value || most.value ? { usual: Number(usual.value || most.value), at_most: Number(most.value || usual.value) } : null;
      const body = {
        name: name.value.trim(),
        breath: breath.map((input) => Number(input.value)),
        rounds,
        summary: summary.value.trim(),
        words: words.value.trim(),
        cautions: cautions.value.split("\n").map((/** @type {string} */ line) => line.trim()).filter(Boolean),
      };
      const done = t("own.saved", { name: body.name });
      const saved = technique ? await act("PUT", `/techniques/${technique.slug}`, body, done) : await act("POST", "/techniques", body, done);
      if (saved) edit();
    };
    const field = (/** @type {any} */ input, /** @type {string} */ label) => h("div", {}, h("label", { for: input.id }, label), input);
    show(
      form,
      h(
        "form",
        { class: "card form own-form", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), save()) },
        h("h2", {}, technique ? t("own.change_named", { name: technique.name }) : t("own.make")),
        field(name, t("own.name")),
        h("fieldset", { class: "own-breath" }, h("legend", {}, t("own.breath")), ...breath.map((input, index) => field(input, t(`own.${STEPS[index]}`)))),
        h("fieldset", { class: "own-breath" }, h("legend", {}, t("own.rounds")), field(usual, t("own.usual")), field(most, t("own.most"))),
        field(summary, t("own.summary")),
        field(words, t("plan.words")),
        field(cautions, t("own.cautions")),
        h("button", { class: "primary", type: "submit" }, t("own.save")),
        technique ? h("button", { type: "button", onclick: () => edit() }, t("console.never_mind")) : null,
      ),
    );
  };

  edit();
  load();
  return { element };
}
