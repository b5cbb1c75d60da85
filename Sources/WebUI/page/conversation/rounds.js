// A pull request as one thing: its delegations as rounds, what people and checks said, what became of
// it, and what all of it cost so far.

import { takenBy, usageOf } from "./conversation.js";
import { h, put, words } from "../shared/dom.js";
import { Badge } from "../shared/marks.js";
import { phaseOf } from "../shared/phases.js";
import { at, fully, moment } from "../shared/time.js";
import {
  firstLine, ignoredWords, placeWords, saidWords, short, usageWords,
} from "../shared/words.js";

/** With more rounds than this, the early ones are folded. */
const ROUNDS_MAX = 6;
const ROUNDS_SHOWN = 4;
/** The most comments that are shown of one round; the newest. */
const SAID_MAX = 50;

export class RoundsPart {
  #body = h("div.rounds-body");
  #key = "";
  /** The folds that were opened, by name. */
  #open = new Set();

  constructor() {
    this.node = h("section.rounds-part", { "aria-labelledby": "rounds-title", hidden: true }, this.#body);
  }

  /**
   * @param conversation the API's answer
   * @param id the delegation of this page
   */
  update(conversation, id) {
    const { rounds, feedback } = conversation;
    this.node.hidden = rounds.length < 2 && feedback.length === 0;
    const key = this.node.hidden ? "" : JSON.stringify([conversation.state, feedback, rounds.map(
      ({ id: round, state, taskTitle, commitSHA, failure, attempts }) =>
        [round, state, taskTitle, commitSHA, failure?.code, attempts?.map(({ usage, endedAt }) => [usage, endedAt])])]);
    if (key === this.#key) return;
    this.#key = key;
    const focused = this.node.contains(document.activeElement)
      ? document.activeElement.getAttribute("href") : null;
    const nodes = rounds.map((round, index) => this.#round(round, index, conversation, id));
    const folded = nodes.length > ROUNDS_MAX ? nodes.splice(0, nodes.length - ROUNDS_SHOWN) : [];
    const waits = feedback.filter(({ round, standing }) => !round && standing !== "ignored");
    const ignored = feedback.filter(({ standing }) => standing === "ignored");
    put(this.#body,
      h("div.rounds-head", {}, h("h2", { id: "rounds-title", text: "Rounds" }),
        h("p.hint", { text: summary(rounds, feedback, waits, ignored) }),
        h("p.hint.rounds-cost", { text: costWords(rounds) })),
      h("ol.rounds-list", {},
        folded.length > 0 ? h("li", {}, this.#fold("earlier", `${folded.length} earlier rounds`,
          h("ol.rounds-list", {}, folded))) : null, nodes),
      waits.length > 0 ? h("div.said-part", {}, h("h3", { text: "Waits for a round" }),
        this.#list(waits, (item) => (item.standing === "examined"
          ? "waits: the forge is asked whether its author may push" : "waits for the next round"))) : null,
      ignored.length > 0 ? this.#fold("ignored", `${ignored.length} led to no round`,
        this.#list(ignored, ({ reason }) => `led to no round: ${ignoredWords(reason)}`)) : null);
    if (focused) this.node.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  #round(round, index, conversation, id) {
    const taken = takenBy(round.id, conversation);
    const askers = index === 0 ? [round.requester] : [...new Set(taken.map(({ author }) => author))];
    const title = round.taskTitle ?? "(its words were removed)";
    const isHere = round.id === id;
    return h("li.round", { "aria-current": isHere ? "true" : null },
      h("div.round-head", {},
        new Badge().update(phaseOfRound(round, index, conversation)).node,
        h("span.round-title", {}, h("span.muted", { text: `${index + 1}. ` }),
          isHere ? words(title) : h("a", { href: `#/delegations/${round.id}` }, words(title))),
        h("span.muted", {}, "for ", askers.slice(0, 3).map((name, i) => [i ? ", " : "", words(name)]),
          askers.length > 3 ? ` and ${askers.length - 3} more` : ""),
        round.commitSHA ? h("span.muted", {}, "commit ", h("code", { text: short(round.commitSHA) })) : null,
        round.failure && round.failure.code !== "cancelled" ? h("span.round-failure", {}, words(round.failure.summary)) : null,
        isHere ? h("span.hint", { text: "this page" }) : null,
        h("time.hint", { title: () => fully(moment(round.requestedAt)), datetime: round.requestedAt,
          text: at(moment(round.requestedAt)) })),
      taken.length > 0 ? this.#list(taken, () => outcome(round, index)) : null);
  }

  #list(items, became) {
    const beyond = items.length - SAID_MAX;
    return h("ul.said-list", {},
      beyond > 0 ? h("li.hint", { text: `${beyond} before these` }) : null,
      items.slice(-SAID_MAX).map((item) => this.#item(item, became(item))));
  }

  #item(item, became) {
    const { author, source, bot, body } = item;
    const place = placeWords(item);
    const first = firstLine(body);
    const head = [words(author), bot ? h("span.muted", { text: " (program)" }) : null,
      h("span.muted", { text: ` ${saidWords(source)}` }),
      place ? [h("span.muted", { text: " on " }), h("code.break", { text: place })] : null, ": ",
      body === null ? h("span.muted", { text: "its words were removed" })
        : h("bdi.said-words", { dir: "auto", text: first || "(empty)" })];
    const end = h("span.became", { text: became });
    if (body === null || first === body.trim()) return h("li.said-item", {}, h("span", {}, head), end);
    return h("li.said-item", {}, this.#fold(`said ${item.id}`, head,
      h("p.verbatim.quote", { dir: "auto", text: body })), end);
  }

  #fold(name, title, content) {
    const details = h("details.rounds-fold", { open: this.#open.has(name) }, h("summary", {}, title), content);
    details.addEventListener("toggle", () => {
      if (details.open) this.#open.add(name);
      else this.#open.delete(name);
    });
    return details;
  }
}

/** Only the last commit is to be reviewed: that of the last round, or before rounds without one. */
function phaseOfRound({ state, failure }, index, { state: pullState, rounds }) {
  const isLast = index === rounds.length - 1;
  const hasLastCommit = index === rounds.findLastIndex((round) => round.state === "Pushed");
  const phase = phaseOf(state, failure?.code, isLast || hasLastCommit ? pullState : null);
  return phase === "ready" && !hasLastCommit ? "done" : phase;
}

/** What became of feedback that a round took. */
function outcome({ state, commitSHA, failure }, index) {
  if (state === "Pushed") return `answered by round ${index + 1} in commit ${short(commitSHA)}`;
  if (failure) return `not answered: round ${index + 1} failed`;
  return phaseOf(state, null, null) === "queued" ? `round ${index + 1} is queued for it`
    : `round ${index + 1} is at work on it`;
}

function summary(rounds, feedback, waits, ignored) {
  const pushed = new Set(rounds.filter(({ state }) => state === "Pushed").map(({ id }) => id));
  const count = (phase) => rounds.filter(({ state, failure }) => phaseOf(state, failure?.code, null) === phase).length;
  const [working, queued] = [count("working"), count("queued")];
  const answered = feedback.filter(({ round }) => pushed.has(round)).length;
  const parts = [`${rounds.length} ${rounds.length === 1 ? "delegation" : "delegations"}`,
    working > 0 ? `${working} at work` : null, queued > 0 ? `${queued} queued` : null,
    feedback.length > 0 ? `${feedback.length} ${feedback.length === 1 ? "comment" : "comments"}` : null,
    answered > 0 ? `${answered} answered` : null, waits.length > 0 ? `${waits.length} waiting` : null,
    ignored.length > 0 ? `${ignored.length} without a round` : null];
  return `${parts.filter((part) => part !== null).join(", ")}.`;
}

/** Unknown usage is named; it never counts as zero. */
function costWords(rounds) {
  const { sum, attempts, unknown } = usageOf(rounds);
  if (attempts === 0) return "";
  const known = usageWords(sum);
  if (!known) return "Cost so far: unknown, as no agent reported its usage.";
  const missing = unknown === 0 ? "" : ` and what ${unknown} of ${attempts} attempts did not report`;
  return `Cost so far: ${known}${missing}.`;
}
