// The attempts of a delegation: how long each waited, was set up, ran and was pushed, how it ended, what
// it cost, and where its output and its change are. Two can be compared.

import { Activity } from "./activity.js";
import { delegationRoute, json } from "../shared/api.js";
import { h, put, setText, words } from "../shared/dom.js";
import { timelineMark } from "../shared/marks.js";
import { at, fully, moment, size, span } from "../shared/time.js";
import { counted, outcomeWords, usageWords, waitingWords } from "../shared/words.js";

/** The parts of an attempt's time, in order: from which moment, and to which. */
const PHASES = [
  ["queue", "In the queue", "queued", "dispatched"],
  ["setup", "Set-up", "dispatched", "started"],
  ["agent", "Agent and checks", "started", "agentEnded"],
  ["handin", "Hand-in", "agentEnded", "ended"],
  ["push", "Push", "ended", "pushed"],
];

/**
 * The attempts with the moments of their parts, in milliseconds; null if it was not reached.
 * @param known the API's attempts
 * @returns `{attempts, queued}`: since when it waits for a worker; null if it does not
 */
export function attemptsOf(events, known) {
  const attempts = [];
  let queued = null;
  let open = null;
  const end = (time) => {
    if (open && open.ended === null) {
      open.ended = time;
      open.agentEnded ??= open.started === null ? null : time;
    }
  };
  for (const { type, time: text, data } of events) {
    const time = moment(text);
    switch (type) {
      case "delegation.pr-created": queued = time; break;
      case "delegation.retry-requested": queued = open || queued !== null ? time : null; break;
      case "delegation.released":
        end(time);
        queued = time;
        break;
      case "delegation.dispatched":
        // An attempt that another worker goes on with keeps its number and its wait.
        open = attempts.find(({ number }) => number === data.attempt);
        if (!open) {
          open = { number: data.attempt, queued, started: null, agentEnded: null, ended: null, pushed: null };
          attempts.push(open);
        }
        open.dispatched = time;
        queued = null;
        break;
      case "delegation.generating": if (open) open.started = time; break;
      case "delegation.generated":
        if (open) {
          open.ended = time;
          open.agentEnded = data.durationMs >= 0 && open.started !== null ? Math.min(time, open.started + data.durationMs) : time;
        }
        break;
      case "delegation.pushed": if (open) open.pushed = time; break;
      case "delegation.failed":
        end(time);
        queued = null;
        break;
      default: break;
    }
  }
  const byNumber = new Map((known ?? []).map((attempt) => [attempt.number, attempt]));
  return { attempts: attempts.map((attempt) => ({ ...byNumber.get(attempt.number), ...attempt })), queued };
}

export class AttemptsPart {
  #ref;
  #list = h("ol.attempts");
  #waiting = h("p.hint", { hidden: true });
  #compare = h("details.compare", { hidden: true }, h("summary", { text: "Compare attempts" }));
  #choices = [];
  #table = h("div");
  #cards = new Map();
  #shown = { attempts: [], queued: null };
  #wait = null;
  #chosen = null;

  constructor(ref) {
    this.#ref = ref;
    this.node = h("section.attempts-part", { "aria-labelledby": "attempts-title", hidden: true },
      h("h2", { id: "attempts-title", text: "Attempts" }), this.#list, this.#waiting, this.#compare);
  }

  /** @param lastCommit the commit that the change shows; null if there is none */
  update(events, detail, lastCommit) {
    this.#shown = attemptsOf(events, detail.attempts);
    // What it waits for goes before the queue, in which it does not stand meanwhile.
    this.#wait = waitingWords(detail);
    const { attempts } = this.#shown;
    this.node.hidden = attempts.length === 0 && this.#shown.queued === null;
    for (const attempt of attempts) {
      const key = JSON.stringify([attempt, lastCommit, detail.state]);
      let card = this.#cards.get(attempt.number);
      if (!card) {
        card = this.#card(attempt.number);
        this.#cards.set(attempt.number, card);
        // The newest is the one that is looked at.
        this.#list.prepend(card.node);
      }
      if (card.key === key) continue;
      card.key = key;
      this.#fill(card, attempt, lastCommit);
    }
    this.#showCompare();
    this.tick(Date.now());
  }

  tick(now) {
    const { attempts, queued } = this.#shown;
    this.#waiting.hidden = queued === null;
    if (queued !== null) {
      setText(this.#waiting, `Attempt ${attempts.length + 1} ${this.#wait ?? `has waited for a worker for ${span(now - queued)}`}.`);
    }
    const last = attempts.at(-1);
    if (last && last.ended === null) this.#showPhases(this.#cards.get(last.number), last, now);
  }

  /** Marks the attempt whose output is shown. */
  choose(number) {
    this.#chosen = number;
    for (const [other, { node }] of this.#cards) {
      if (other === number) node.setAttribute("aria-current", "true");
      else node.removeAttribute("aria-current");
    }
  }

  #card(number) {
    const activity = new Activity();
    const steps = h("details.attempt-steps", {}, h("summary", { text: "Plan and tool calls" }), activity.node,
      h("p.hint", { role: "status" }));
    const card = {
      key: "", activity, steps, head: h("div.attempt-head"), bar: h("div.phases", { "aria-hidden": "true" }),
      list: h("dl.facts.phase-list"), more: h("div.attempt-more"), links: h("p.attempt-links"),
    };
    steps.addEventListener("toggle", () => { if (steps.open) this.#read(number, card); });
    card.node = h("li.attempt", { "data-number": number }, card.head, card.bar, card.list, card.more, card.links, steps);
    if (number === this.#chosen) card.node.setAttribute("aria-current", "true");
    return card;
  }

  #fill(card, attempt, lastCommit) {
    const { number, outcome, usage, message, worker, agent, patch, commitSHA, figures } = attempt;
    const kind = kindOf(attempt);
    card.node.dataset.kind = kind;
    put(card.head, timelineMark(kind), h("h3", { text: `Attempt ${number}` }),
      h("span.attempt-outcome", { text: kind === "now" ? "under way" : endWords(attempt) }));
    this.#showPhases(card, attempt, Date.now());
    const used = usageWords(usage ?? {});
    put(card.more, h("p.hint", { title: () => fully(attempt.dispatched) }, words(agent ?? "The agent"), " on ", words(worker ?? "a worker"),
      `, ${at(attempt.dispatched)}`),
    figures ? h("p.hint", { text: `${filesWords(figures)}, ${size(figures.outputSize)} of output` }) : null,
    attempt.ended === null ? null : h("p.hint", { text: used ? `Used ${used}` : "Its cost is unknown." }),
    message ? h("p.hint.step-note", {}, words(message)) : null);
    const place = `#/delegations/${encodeURIComponent(this.#ref)}`;
    put(card.links, h("a", { href: `${place}?tab=output&attempt=${number}`, text: "Output", "aria-label": `Output of attempt ${number}` }),
      commitSHA && commitSHA === lastCommit ? h("a", { href: `${place}?tab=changes&change=commit`, text: "Change", "aria-label": `Change of attempt ${number}` })
        : patch ? h("a", { href: `${place}?tab=changes&change=${number}`, text: "Change", "aria-label": `Change of attempt ${number}` }) : null);
  }

  #showPhases(card, attempt, now) {
    const parts = phasesOf(attempt, now);
    const whole = parts.reduce((sum, { ms }) => sum + ms, 0);
    put(card.bar, parts.map(({ name, ms }) => {
      const node = h("span", { "data-phase": name });
      node.style.flexGrow = String(Math.max(ms / Math.max(whole, 1), 0.01));
      return node;
    }));
    put(card.list, parts.map(({ name, title, ms, isOpen }) => [
      h("dt", {}, h("span.phase-mark", { "data-phase": name, "aria-hidden": "true" }), title),
      h("dd", { text: `${span(ms)}${isOpen ? " so far" : ""}` })]));
  }

  async #read(number, card) {
    const say = card.steps.querySelector("p.hint[role=status]");
    try {
      const { items } = await json(delegationRoute(this.#ref, "records"), { query: { attempt: number } });
      card.activity.clear();
      for (const record of items) card.activity.add(record);
      if (card.node.dataset.kind !== "now") card.activity.end();
      setText(say, items.length === 0 ? "This agent told no plan and no tool call; its output may." : "");
    } catch (error) {
      setText(say, error.message);
    }
  }

  // MARK: Two attempts beside each other

  #showCompare() {
    const { attempts } = this.#shown;
    this.#compare.hidden = attempts.length < 2;
    if (attempts.length < 2) return;
    if (this.#choices.length === 0) {
      this.#choices = ["First", "Second"].map((name) => h("select", {
        "aria-label": `${name} attempt to compare`, onchange: () => this.#showTable(),
      }));
      this.#compare.append(h("div.compare-choice", {}, this.#choices[0], "with", this.#choices[1]), this.#table);
    }
    this.#choices.forEach((select, index) => {
      if (select.childElementCount === attempts.length) return;
      const before = select.value;
      put(select, attempts.map(({ number }) => h("option", { value: number, text: `Attempt ${number}` })));
      select.value = before || String(attempts.at(index - 2).number);
    });
    this.#showTable();
  }

  #showTable() {
    const now = Date.now();
    const both = this.#choices.map(({ value }) => this.#shown.attempts.find(({ number }) => String(number) === value));
    if (both.includes(undefined)) return;
    const row = (title, of) => h("tr", {}, h("th", { scope: "row", text: title }), both.map((attempt) => h("td", {}, of(attempt))));
    const time = (name) => (attempt) => {
      const part = phasesOf(attempt, now).find((each) => each.name === name);
      return part ? span(part.ms) : "–";
    };
    put(this.#table, h("table.compare-table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span.visually-hidden", { text: "What" })),
        both.map(({ number }) => h("th", { scope: "col", text: `Attempt ${number}` })))),
      h("tbody", {},
        row("Ended", (attempt) => (attempt.ended === null ? "under way" : endWords(attempt))),
        PHASES.map(([name, title]) => row(title, time(name))),
        row("Agent", ({ agent }) => words(agent ?? "–")), row("Worker", ({ worker }) => words(worker ?? "–")),
        row("Used", ({ usage }) => usageWords(usage ?? {}) || "unknown"),
        row("Change", ({ figures, patch }) => (figures ? filesWords(figures) : patch ? "kept as a patch" : "none")),
        row("Output", ({ figures }) => (figures ? size(figures.outputSize) : "–")),
        row("Hosts refused", ({ network }) => (network ? String(network.refused) : "–")),
        row("Said", ({ message }) => (message ? words(message) : "–")))));
  }
}

function phasesOf(attempt, now) {
  const parts = [];
  for (const [name, title, from, to] of PHASES) {
    const start = attempt[from];
    if (start === null || start === undefined) continue;
    const end = attempt[to];
    const isOpen = (end === null || end === undefined) && attempt.ended === null;
    if (end != null && end >= start && !(name === "handin" && end === start)) parts.push({ name, title, ms: end - start, isOpen: false });
    else if (isOpen) {
      parts.push({ name, title, ms: Math.max(0, now - start), isOpen });
      break;
    }
  }
  return parts;
}

/** The mark of an attempt; neither a cancel nor a provider's limit is a failure. */
function kindOf({ outcome, pushed }) {
  if (outcome === null || outcome === undefined) return "now";
  if (outcome === "generated") return pushed === null ? "done" : "end";
  return outcome === "cancelled" || outcome === "agent-limited" ? "cancelled" : "failed";
}

function endWords({ outcome, pushed }) {
  if (outcome === "generated") return pushed === null ? "handed in" : "pushed";
  return outcomeWords(outcome);
}

function filesWords({ filesChanged, insertions, deletions }) {
  return `${counted(filesChanged)} ${filesChanged === 1 ? "file" : "files"}, +${counted(insertions)} −${counted(deletions)}`;
}
