// The condition of a delegation in people's words: what happens now, or what happened and what to do.

import { h, outLink, put, setAttribute, setText, words } from "../shared/dom.js";
import { ordinal, waitFor } from "../shared/phases.js";
import { minute, moment, span } from "../shared/time.js";
import { counted, short, stepWords, usageWords, waitWords } from "../shared/words.js";

export class NextPart {
  node = h("section.next", { "aria-label": "What happens" });
  #when = null;

  /**
   * @param detail the API's view of the delegation
   * @param context `{events, rounds, pull, pullState, queue}`: `rounds` are the delegations of its pull
   *   request; `pull` is the pull request and `pullState` its state, null without one; `queue` is the
   *   place in the queue, null without one
   */
  update(detail, context) {
    this.#when = null;
    setAttribute(this.node, "data-kind", null);
    if (detail.quarantine) {
      this.#show("bad", h("p", {}, h("strong", { text: "In quarantine. " }), words(detail.quarantine)),
        h("p.muted", { text: "Its events do not follow from each other; nothing more is done with it. "
          + "aipm verify says where the log is corrupt." }));
    } else if (detail.state === "Failed") this.#showFailure(detail, context);
    else if (detail.state === "Pushed") this.#showEnd(detail, context);
    else this.#showGoing(detail, context);
  }

  tick(now) {
    if (this.#when) setText(this.#when.node, this.#when.say(this.#when.at - now));
  }

  #show(kind, ...children) {
    setAttribute(this.node, "data-kind", kind);
    put(this.node, ...children);
  }

  #showFailure(detail, { events, rounds, pull, pullState }) {
    const { failure, attempts } = detail;
    const used = usageWords(attempts?.at(-1)?.usage ?? {});
    const cost = used ? h("p.muted", { text: `Its last attempt used ${used}.` }) : null;
    if (failure?.code === "cancelled") {
      const asked = events.findLast(({ type }) => type === "delegation.cancel-requested");
      this.#show(null, h("p", {}, h("strong", {}, "Cancelled", asked ? [" by ", words(asked.actor.name)] : null, ". "),
        failure.remedy), beforeWords(rounds, pull, pullState), cost);
      return;
    }
    const said = failure?.message?.replace(/[.!?]$/, "").toLowerCase();
    const isLong = said && !failure.summary.toLowerCase().includes(said);
    const wasRefused = failure?.step === "generate" && attempts?.at(-1)?.network?.refused > 0;
    this.#show("bad", h("p", {}, h("strong", {}, words(failure?.summary ?? "It failed.", "span"))),
      isLong ? h("pre.quote", { tabindex: 0, role: "region", "aria-label": "What it said" },
        failure.message.replaceAll(" | ", "\n")) : null,
      h("p", {}, words(failure?.remedy ?? "A retry continues where it stopped.", "span"),
        detail.kind === "follow-up" && pullState === "open" ? " Or retry with edited words." : null),
      wasRefused ? h("p.muted", { text: "It was refused hosts, which may be why: see Network." }) : null,
      pullState === "merged" || pullState === "closed"
        ? h("p.muted", { text: `The pull request is ${pullState}.` }) : null, cost,
      h("p.hint", { text: `${failure?.code ?? "unknown"}, during ${stepWords(failure?.step)}` }));
  }

  #showEnd(detail, { pull, pullState }) {
    const attempt = detail.attempts?.findLast((each) => each.figures);
    const figures = attempt?.figures;
    // Events from before the numbers have a text.
    const used = usageWords(attempt?.usage ?? {}) || figures?.usage;
    const took = moment(detail.stateSince) - moment(detail.requestedAt);
    const isEnded = pullState === "merged" || pullState === "closed";
    this.#show(null, isEnded ? h("p", {}, h("strong", { text: `The pull request is ${pullState}.` })) : null,
      h("p", {}, `Done in ${span(took)}. Commit `, h("code", { text: short(detail.commitSHA) }),
        " is on the branch",
        figures ? `: ${counted(figures.filesChanged)} ${figures.filesChanged === 1 ? "file" : "files"}, `
          + `${counted(figures.insertions)} added, ${counted(figures.deletions)} removed.` : ".",
        used ? h("span.muted", {}, " ", words(used)) : null),
      figures?.flagged?.length ? h("p", {}, h("strong", { text: "Look at these with care: " }),
        figures.flagged.map((path, index) => [index ? ", " : "", words(path, "code")]),
        ". They run code or steer programs as soon as somebody opens, checks out or builds the repository.") : null,
      isEnded ? null : h("p.muted", {}, "Next is yours: ",
        pull ? outLink(pull.html_url, "review the pull request") : "review it", ", merge it, or ask for changes."));
  }

  #showGoing(detail, context) {
    const { waiting } = detail;
    const when = h("span");
    this.#show(waiting ? "warn" : null, h("p", {}, goingWords(detail, context), " ", when));
    if (waiting) {
      this.#when = { node: when, at: moment(waiting.until),
        say: (left) => (left > 0 ? `Tried again in ${span(left)}.` : "Tried again now.") };
    } else if (detail.state === "Generating" && detail.generationEndsBy && !detail.commitSHA) {
      this.#when = { node: when, at: moment(detail.generationEndsBy),
        say: (left) => (left > 0 ? `Its time limit is in ${span(left)}.` : "Its time limit is reached.") };
    } else if (context.queue && context.queue.startsAt !== null) {
      this.#when = { node: when, at: context.queue.startsAt, say: (left) => `A worker is expected in ${waitFor(left)}.` };
    }
    this.tick(Date.now());
  }
}

/** After a cancelled round, what needs the person is what was pushed before it; null without such. */
function beforeWords(rounds, pull, pullState) {
  const before = rounds.findLast(({ state }) => state === "Pushed");
  if (!before || pullState !== "open") return null;
  return h("p", {}, h("strong", { text: "What was pushed before is ready for review. " }), "Look at ",
    h("a", { href: `#/delegations/${before.id}?tab=changes`, text: "its changes" }), ", or ",
    outLink(pull.html_url, "review the pull request"), ".");
}

function goingWords({ state, waiting, cancelRequested, nextIntent, agent, attempt, commitSHA, kind }, { queue }) {
  if (cancelRequested) return "It is being cancelled.";
  if (waiting?.code === "agent-limited") {
    return h("span", {}, "It waits for ", words(agent), ` until ${minute(moment(waiting.until))}: its provider allows no more until then.`);
  }
  if (waiting) return `It waits: ${waitWords(waiting.code)}.`;
  if (state === "Generating") {
    return commitSHA ? "The agent is done. Its commit is being pushed."
      : h("span", {}, words(agent), attempt > 1 ? ` is at work, attempt ${attempt}.` : " is at work.");
  }
  if (state === "Dispatched") return "A worker has it, and prepares its files.";
  if (nextIntent === "push") return "Its commit is being pushed.";
  if (state !== "PRCreated") {
    return kind === "follow-up" ? "It waits for its branch." : "Its branch and its pull request are being opened.";
  }
  if (!queue) return "It waits for a worker.";
  return queue.place === 1 ? "It is the next in the queue." : `It is the ${ordinal(queue.place)} in the queue.`;
}
