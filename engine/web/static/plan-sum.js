/**
 * The sum of a plan in words.
 * @module
 */

import { t } from "./i18n.js";

/** How long a plan takes, `12 minutes`; empty where it has no durations. @param {{duration?: number | null}[]} plan */
export function sumText(plan) {
  const seconds = plan.reduce((sum, item) => sum + (item.duration ?? 0), 0);
  return seconds ? t("expect.minutes", { count: Math.max(1, Math.round(seconds / 60)) }) : "";
}
