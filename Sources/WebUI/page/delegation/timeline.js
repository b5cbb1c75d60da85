// A delegation's states: when each began, how long it lasted, the events meanwhile, and the states
// that follow.

import { h, put, setText } from "../shared/dom.js";
import { timelineMark } from "../shared/marks.js";
import { at, fully, moment, span } from "../shared/time.js";
import {
  STATES, STATE_AFTER, eventWords, networkWords, noticeWords, outcomeWords, short, stepWords, usageWords, waitWords,
} from "../shared/words.js";

/** With more steps than this, the early ones are folded. */
const STEPS_MAX = 14;

/** The most notes of one step, the newest: a conversation may have thousands. */
const NOTES_MAX = 12;

export class Timeline {
  #list = h("ol.timeline");
  #ticking = null;
  #open = false;
  #isChosen = false;

  constructor() {
    this.node = h("details.timeline-part", {},
      h("summary", { onclick: () => { this.#isChosen = true; } }, h("h2", { text: "Timeline" })), this.#list);
  }

  update(events) {
    const steps = stepsOf(events);
    const last = steps.at(-1);
    // Once there is an attempt, it says more.
    if (!this.#isChosen) this.node.open = !events.some(({ type }) => type === "delegation.dispatched");
    this.#ticking = null;
    const nodes = steps.map((step) => this.#step(step, step === last));
    const folded = nodes.length > STEPS_MAX ? nodes.splice(0, nodes.length - STEPS_MAX + 4) : [];
    put(this.#list, folded.length > 0 ? this.#fold(folded) : null, nodes, last ? later(last) : null);
    this.tick(Date.now());
  }

  tick(now) {
    if (this.#ticking) setText(this.#ticking.node, span(now - this.#ticking.since));
  }

  #fold(nodes) {
    const details = h("details", { open: this.#open }, h("summary", { text: `${nodes.length} earlier steps` }),
      h("ol", {}, nodes));
    details.addEventListener("toggle", () => { this.#open = details.open; });
    return h("li.folded", {}, details);
  }

  #step(step, isLast) {
    const isOver = step.state === "Pushed" || step.state === "Failed";
    const kind = step.isCancelled ? "cancelled" : step.state === "Failed" || step.isBad ? "failed"
      : !isLast ? "done" : step.state === "Pushed" ? "end" : "now";
    const spent = h("span.spent");
    if (isLast && !isOver) this.#ticking = { node: spent, since: step.since };
    else if (step.until !== null) setText(spent, span(step.until - step.since));
    return h("li.step", { "data-kind": kind, "aria-current": isLast ? "step" : null },
      timelineMark(kind),
      h("div.step-body", {},
        h("div.step-head", {}, h("span.step-word", { text: step.isCancelled ? "Cancelled" : step.state }),
          step.said ? h("span.muted", { text: step.said }) : null, spent),
        h("time.hint", { title: () => fully(step.since), datetime: new Date(step.since).toISOString(),
          text: at(step.since) }),
        step.notes.length > NOTES_MAX
          ? h("p.hint", { text: `${step.notes.length - NOTES_MAX} earlier ones are under Events` }) : null,
        step.notes.slice(-NOTES_MAX).map((note) => h("p.hint.step-note", { "data-kind": note.kind, title: at(note.time) },
          h("bdi", { text: note.text })))));
  }
}

/** @returns {{state, since, until, said, notes: {text, kind, time}[]}[]} in the order of the log */
export function stepsOf(events) {
  const steps = [];
  let reached = 0;
  for (const event of events) {
    const time = moment(event.time);
    const state = STATE_AFTER[event.type];
    const last = steps.at(-1);
    if (event.type === "delegation.released" && last) {
      const { code, text } = event.data;
      const more = text?.message ? `: ${text.message}` : "";
      const used = usageWords(event.data);
      last.isBad = true;
      last.notes.push({ text: `${outcomeWords(code)}${more}${used ? ` (${used})` : ""}`, kind: "warn", time });
    }
    if (state && state !== "Failed") reached = Math.max(reached, Math.min(STATES.indexOf(state), 3));
    if (state) {
      if (last) last.until = time;
      const notes = event.data?.continues
        ? [{ text: "continues the conversation of an earlier round", kind: "", time }] : [];
      const isCancelled = state === "Failed" && event.data.code === "cancelled";
      steps.push({ state, since: time, until: null, said: isCancelled ? "" : saidOf(event), isCancelled, notes });
    } else if (event.type === "delegation.retry-requested" && last) {
      // It continues from the last milestone on the forge.
      last.until = time;
      steps.push({ state: STATES[reached], since: time, until: null, said: "again",
        notes: [noteOf(event, time)] });
    } else if (last) {
      last.notes.push(noteOf(event, time));
    }
  }
  return steps;
}

function saidOf({ type, data: d }) {
  switch (type) {
    case "delegation.pr-created": return `#${d.pr}`;
    case "delegation.dispatched": return `${d.worker}, attempt ${d.attempt}`;
    case "delegation.generating": return `${d.agent}, attempt ${d.attempt}`;
    case "delegation.task-committed":
    case "delegation.pushed": return short(d.sha);
    case "delegation.failed": return d.code;
    default: return "";
  }
}

function noteOf(event, time) {
  const d = event.data;
  switch (event.type) {
    case "delegation.base-resolved": return { text: `${d.baseBranch} at ${short(d.sha)}`, kind: "", time };
    case "delegation.generated": return { text: `commit ${short(d.sha)} was handed in`, kind: "", time };
    case "delegation.step-failed": return {
      text: `${stepWords(d.step)}: ${waitWords(d.code)} (try ${d.tries}); again at `
        + `${at(typeof d.retryAt === "number" ? d.retryAt : moment(d.retryAt))}`,
      kind: "warn", time,
    };
    case "delegation.network-used": return { text: `network: ${networkWords(d)}`, kind: d.refused > 0 ? "warn" : "", time };
    case "delegation.cancel-requested": return { text: `${event.actor.name} asked to cancel it`, kind: "warn", time };
    case "delegation.retry-requested": return { text: `${event.actor.name} asked to retry it`, kind: "", time };
    case "delegation.action-done": return { text: noticeWords(d), kind: d.text?.message ? "warn" : "", time };
    case "delegation.feedback-recorded":
    case "delegation.feedback-judged": return { text: eventWords(event), kind: "", time };
    case "delegation.round-started": return { text: `a round began ${eventWords(event)}`, kind: "", time };
    case "delegation.round-ended":
      return { text: `the round ended: ${eventWords(event)}`, kind: d.sha ? "" : "warn", time };
    case "delegation.round-resumed": return { text: "the round is tried again", kind: "", time };
    case "delegation.rounds-stopped":
      return { text: `no round began ${eventWords(event)}`, kind: "warn", time };
    case "delegation.pull-request-updated": return { text: `the pull request is ${d.code}`, kind: "", time };
    default: return { text: `${event.type.replace(/^delegation\./, "")} ${eventWords(event)}`, kind: "", time };
  }
}

function later({ state }) {
  if (state === "Pushed" || state === "Failed") return null;
  return STATES.slice(STATES.indexOf(state) + 1, 7).map((name) => h("li.step", { "data-kind": "later" },
    timelineMark("later"), h("div.step-body", {}, h("div.step-head", {}, h("span.step-word", { text: name })))));
}
