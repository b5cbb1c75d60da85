// What people call the condition of a task, by the server's rules (Projections/TaskPhase.swift), so that
// a row changes with an event and without a request.

/** The phases and their words. */
export const PHASES = {
  queued: "Queued", working: "Working", ready: "Ready for review", merged: "Merged", closed: "Closed",
  failed: "Failed", cancelled: "Cancelled",
};

/** Who or what a task waits for, in the order of their worth. */
export const NEEDS = { you: "Needs you", working: "Working", queued: "Queued", done: "Done" };

const NEED_OF = {
  failed: "you", ready: "you", working: "working", queued: "queued", merged: "done", closed: "done",
  cancelled: "done",
};

export function needOf(phase) {
  return NEED_OF[phase];
}

const PHASE_OF = { Dispatched: "working", Generating: "working", Pushed: "ready", Failed: "failed" };

/**
 * @param state one of the eight states
 * @param failure the failure's code; null without one
 * @param pullState the state of the pull request; null without one
 */
export function phaseOf(state, failure, pullState) {
  const phase = failure === "cancelled" && state === "Failed" ? "cancelled" : PHASE_OF[state] ?? "queued";
  const ended = pullState === "merged" || pullState === "closed";
  return ended && (phase === "ready" || phase === "failed") ? pullState : phase;
}

const ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
  "tenth"];
const ENDINGS = { one: "st", two: "nd", few: "rd", other: "th" };
let rules;

/** `third`, `21st`. */
export function ordinal(n) {
  rules ??= new Intl.PluralRules("en", { type: "ordinal" });
  return ORDINALS[n - 1] ?? `${n}${ENDINGS[rules.select(n)]}`;
}

/** `about 2 min`; @param ms the expected wait */
export function waitFor(ms) {
  if (ms < 60_000) return "less than a minute";
  const minutes = Math.round(ms / 60_000);
  return minutes < 120 ? `about ${minutes} min` : `about ${Math.round(minutes / 60)} h`;
}

/** `third, about 2 min`; empty if the place is not known. */
export function queueWords(queue, now = Date.now()) {
  if (!queue) return "";
  const starts = queue.startsAt === null ? "" : `, ${waitFor(queue.startsAt - now)}`;
  return `${ordinal(queue.place)}${starts}`;
}
