/**
 * Vigorous techniques need each person's own consent; everybody else is shown a calm alternative.
 * @module
 */

const CALM = { technique: "", pattern: [4, 0, 6, 0], instruction: null };

/** The techniques of a plan that need a person's consent. @param {any[]} plan */
export function needsChoice(plan) {
  return (plan ?? []).filter((item) => item.opt_in);
}

/**
 * The technique that this person's screen shows: the led one, or its calm alternative.
 * @param {any} technique from the server, or null
 * @param {any[]} plan
 * @param {Set<string>} accepted names of the techniques that the person consented to
 */
export function techniqueShown(technique, plan, accepted) {
  if (!technique) return null;
  const planned = (plan ?? []).find((item) => item.technique === technique.technique);
  const optIn = technique.opt_in ?? planned?.opt_in;
  if (!optIn || accepted.has(technique.technique)) return technique;
  const gentle = technique.gentle ?? planned?.gentle;
  const calm = typeof gentle === "string" ? { ...CALM, technique: gentle } : { ...CALM, ...gentle };
  return { ...calm, started_at: technique.started_at, duration: technique.duration, isGentle: true };
}
