/**
 * The gentle choice: vigorous techniques are for those who asked for them, everybody else sees a calm one.
 * @module
 */

const CALM = { technique: "", pattern: [4, 0, 6, 0], instruction: null };

/** The techniques of a plan that need a person's own yes. @param {any[]} plan */
export function needsChoice(plan) {
  return (plan ?? []).filter((item) => item.opt_in);
}

/**
 * What this person's screen shows for a technique.
 * @param {any} technique from the server, or null
 * @param {any[]} plan
 * @param {Set<string>} accepted names of the techniques that the person said yes to
 */
export function shownTo(technique, plan, accepted) {
  if (!technique) return null;
  const planned = (plan ?? []).find((item) => item.technique === technique.technique);
  const optIn = technique.opt_in ?? planned?.opt_in;
  if (!optIn || accepted.has(technique.technique)) return technique;
  const gentle = technique.gentle ?? planned?.gentle;
  const calm = typeof gentle === "string" ? { ...CALM, technique: gentle } : { ...CALM, ...gentle };
  return { ...calm, started_at: technique.started_at, duration: technique.duration, isGentle: true };
}
