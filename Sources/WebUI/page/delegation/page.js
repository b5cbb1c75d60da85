// One delegation: its state, the next step, the agent's output and changes, and the available actions.

import { Problem, delegationRoute, post } from "../shared/api.js";
import { AskForm } from "../conversation/ask.js";
import { LineComments } from "../conversation/comments.js";
import { Conversation, takenBy } from "../conversation/conversation.js";
import { Delegation } from "./delegation.js";
import { DiffView } from "./diff.js";
import { confirm, copyButton, h, outLink, put, setAttribute, setText, words } from "../shared/dom.js";
import { EventLog } from "../shared/envelopes.js";
import { Badge, Pipeline } from "../shared/marks.js";
import { NetworkPart } from "./network.js";
import { OutputView } from "./output.js";
import { RoundsPart } from "../conversation/rounds.js";
import { rowOf } from "../shared/rows.js";
import { Tabs } from "./tabs.js";
import { everySecond, at, fully, moment, size, span } from "../shared/time.js";
import { Timeline } from "./timeline.js";
import { STATE_MEANING, failureWords, isOver, nextWords, placeWords, short, stepWords, usageWords, waitWords } from "../shared/words.js";

export function open({ feed, ref }) {
  return new DelegationPage(feed, ref);
}

class DelegationPage {
  title = "Delegation";
  keys = {
    1: { does: "Output", run: () => this.#tabs.choose("output") },
    2: { does: "Changes", run: () => this.#tabs.choose("changes") },
    3: { does: "Task", run: () => this.#tabs.choose("task") },
    4: { does: "Events", run: () => this.#tabs.choose("events") },
    f: { does: "Follow the output", run: () => this.#output.follow() },
    c: { does: "Cancel", run: () => this.#cancel.hidden || this.#cancel.click() },
    r: { does: "Retry", run: () => this.#retry.hidden || this.#retry.click() },
    a: { does: "Ask for changes", run: () => this.#ask.hidden || this.#ask.click() },
    u: { does: "Back to the list", run: () => { location.hash = "#/delegations"; } },
  };

  #ref;
  #delegation;
  #conversation;
  #endTicks;

  constructor(feed, ref) {
    this.#ref = ref;
    this.#build();
    this.#delegation = new Delegation(feed, ref, () => this.#show());
    this.#conversation = new Conversation(feed, () => this.#showConversation());
    this.#endTicks = everySecond((now) => this.#tick(now));
    this.#delegation.load();
  }

  close() {
    this.#endTicks();
    this.#delegation.close();
    this.#conversation.close();
    this.#form?.close();
    this.#output.close();
    this.#diff.close();
  }

  // MARK: Elements

  #heading = h("h1", { tabindex: -1 });
  #pipeline = new Pipeline();
  #badge = new Badge();
  #where = h("p.where");
  #whereKey = "";
  #next = h("section.next", { "aria-label": "What happens" });
  #when = null;
  #said = h("p.said", { role: "alert" });
  #cancel = h("button", { type: "button", text: "Cancel", onclick: () => this.#askCancel() });
  #retry = h("button.primary", { type: "button", text: "Retry", onclick: () => this.#act("retry", this.#retry) });
  #ask = h("button", { type: "button", hidden: true, onclick: () => this.#openForm() });
  #rounds = new RoundsPart();
  #comments = new LineComments();
  /** Made when the delegation is known. */
  #form = null;
  #formPlace = h("div.ask-place");
  #timeline = new Timeline();
  #network = new NetworkPart();
  #facts = h("dl.facts");
  #factsKey = "";
  #task = h("div.task");
  #taskKey = "";
  #log = new EventLog();
  #output;
  #diff;
  #tabs;
  #body;
  #message = h("div.list-message", { role: "status" });

  #build() {
    this.#output = new OutputView(this.#ref);
    this.#diff = new DiffView(this.#ref, this.#comments, () => this.#form?.open(this.#ask));
    this.#tabs = new Tabs("Parts of the delegation", [
      { name: "output", title: "Output", node: this.#output.node },
      { name: "changes", title: "Changes", node: this.#diff.node },
      { name: "task", title: "Task", node: this.#task },
      { name: "events", title: "Events", node: this.#log.node },
    ], (name) => {
      this.#output.setActive(name === "output" && this.#delegation?.detail != null);
      this.#diff.setActive(name === "changes");
    });
    this.#cancel.hidden = true;
    this.#retry.hidden = true;
    this.#body = h("div.detail", { "data-loading": "" },
      h("header.detail-head", {},
        h("div.detail-title", {}, this.#heading, h("div.actions", {}, this.#ask, this.#cancel, this.#retry)),
        h("div.detail-line", {}, this.#pipeline.node, this.#badge.node, this.#where),
        this.#next, this.#said),
      this.#rounds.node, this.#formPlace,
      h("div.detail-grid", {},
        h("div.detail-side", {}, this.#timeline.node, this.#network.node,
          h("section", { "aria-labelledby": "facts-title" },
            h("h2", { id: "facts-title", text: "Details" }), this.#facts)),
        this.#tabs.node));
    this.node = h("section.page.detail-page", { "aria-busy": "true" }, this.#body, this.#message);
    this.#message.hidden = true;
  }

  // MARK: Rendering

  #show() {
    const { detail, problem, events } = this.#delegation;
    if (problem) {
      setAttribute(this.node, "aria-busy", null);
      this.#explain(problem);
      return;
    }
    if (detail.pullRequest || detail.follows) this.#conversation.start(detail.id);
    this.#showLoaded(detail);
    this.#message.hidden = true;
    this.#body.hidden = false;
    this.title = detail.taskTitle ?? detail.confirmationCode;
    document.title = `${this.title} · AIPM`;
    setText(this.#heading, this.title);
    setAttribute(this.#heading, "dir", "auto");
    const row = rowOf(detail);
    this.#pipeline.update(row);
    this.#badge.update(row.state);
    this.#showWhere(detail);
    this.#showNext(detail, events);
    this.#showFacts(detail);
    this.#showTask(detail);
    this.#timeline.update(events);
    this.#network.update(detail.attempts);
    this.#log.update(events);
    this.#showActions(detail);
    this.#showParts(detail, events);
  }

  /** All of the first view appears at once, so that nothing jumps. */
  #showLoaded(detail) {
    const isWaiting = (detail.pullRequest || detail.follows) && !this.#conversation.isSettled;
    if (isWaiting && this.#body.hasAttribute("data-loading")) return;
    setAttribute(this.node, "aria-busy", null);
    setAttribute(this.#body, "data-loading", null);
  }

  #showConversation() {
    const { detail, events } = this.#delegation;
    if (detail === null || this.#delegation.problem) return;
    this.#showLoaded(detail);
    if (this.#conversation.value === null) return;
    this.#rounds.update(this.#conversation.value, detail.id);
    this.#showWhere(detail);
    this.#showNext(detail, events);
    this.#showFacts(detail);
    this.#showTask(detail);
    this.#showActions(detail);
  }

  /** The pull request; null without one. A follow-up that still waits knows it by its rounds. */
  get #pull() {
    const { detail } = this.#delegation;
    return this.#conversation.value ?? detail.pullRequest;
  }

  /** `open`, `merged` or `closed`; null without a pull request. */
  get #pullState() {
    return this.#pull && (this.#pull.state ?? "open");
  }

  #explain(problem) {
    this.#body.hidden = true;
    this.#message.hidden = false;
    put(this.#message, h("h2", { text: problem.title }), h("p", { text: `${problem.message} ${problem.hint}` }),
      h("div.actions", {}, h("a.button", { href: "#/delegations", text: "To the delegations" }),
        problem.status === 404 ? null
          : h("button", { type: "button", text: "Try again", onclick: () => this.#delegation.load() })));
  }

  #showWhere(detail) {
    const { repository, confirmationCode: code } = detail;
    const pull = this.#pull;
    const name = `${repository.owner}/${repository.repo}`;
    const state = this.#pullState;
    const key = `${name} ${pull?.html_url} ${state} ${code}`;
    if (key === this.#whereKey) return;
    this.#whereKey = key;
    put(this.#where, h("bdi", { text: name }),
      pull ? h("span", {}, outLink(pull.html_url, `Pull request #${pull.number}`),
        state !== "open" ? ` ${state}` : "")
        : h("span.muted", { text: "No pull request yet" }),
      h("span", {}, h("code", { text: code }), copyButton("the confirmation code", () => code)));
  }

  #showActions(detail) {
    const { state, cancelRequested } = detail;
    const canAsk = this.#pullState === "open" && !detail.quarantine;
    this.#ask.hidden = !canAsk;
    setText(this.#ask, isFailedFollowUp(detail) ? "Retry with edited words" : "Ask for changes");
    this.#diff.allowComments(canAsk);
    this.#showForm(detail, canAsk);
    this.#cancel.hidden = isOver(state);
    this.#retry.hidden = state !== "Failed";
    if (!this.#acting) {
      setText(this.#cancel, cancelRequested ? "Being cancelled…" : "Cancel");
      this.#cancel.disabled = cancelRequested;
    }
  }

  #showParts(detail, events) {
    const made = events.findLast((event) => event.type === "delegation.generated");
    this.#diff.update(made ? made.data.sha : null);
    this.#output.update(detail.attempt, !isOver(detail.state));
    this.#tabs.note("changes", made ? "•" : "");
    this.#tabs.note("events", `${events.length}`);
    if (this.#tabs.chosen === null) {
      this.#tabs.choose(detail.state === "Pushed" ? "changes" : "output");
    } else if (this.#tabs.chosen === "output") this.#output.setActive(true);
  }

  // MARK: Current state and next step

  #showNext(detail, events) {
    this.#when = null;
    setAttribute(this.#next, "data-kind", null);
    if (detail.quarantine) {
      setAttribute(this.#next, "data-kind", "bad");
      put(this.#next, h("p", {}, h("strong", { text: "In quarantine. " }), words(detail.quarantine)),
        h("p.muted", { text: "Its events do not follow from each other; nothing more is done with it. "
          + "aipm verify says where the log is corrupt." }));
    } else if (detail.state === "Failed") this.#showFailure(detail);
    else if (detail.state === "Pushed") this.#showEnd(detail, events);
    else this.#showGoing(detail);
  }

  #showFailure(detail) {
    const { failure, attempts } = detail;
    const used = usageWords(attempts?.at(-1)?.usage ?? {});
    setAttribute(this.#next, "data-kind", "bad");
    const [what, can] = failureWords(failure?.code);
    put(this.#next,
      h("p", {}, h("strong", { text: what }), " ",
        h("span.muted", { text: `${failure?.code ?? "unknown"}, at ${stepWords(failure?.step)}` })),
      failure?.message ? h("p.quote", {}, words(failure.message)) : null,
      h("p", {}, h("span.muted", { text: "What can be done: " }),
        failure?.hint ? h("span", {}, words(failure.hint), " ") : null, can,
        isFailedFollowUp(detail) && this.#pullState === "open" ? " Or retry with edited words." : ""),
      used ? h("p.muted", { text: `Its last attempt used ${used}.` }) : null,
      failure?.step === "generate" && failure.code !== "cancelled" && attempts?.at(-1)?.network?.refused > 0
        ? h("p.muted", { text: "Its last attempt was refused hosts, which may be why: see Network." }) : null);
  }

  #showEnd(detail, events) {
    const attempt = detail.attempts?.findLast((each) => each.figures);
    const figures = attempt?.figures;
    // Events from before the numbers have a text.
    const used = usageWords(attempt?.usage ?? {}) || figures?.usage;
    const took = moment(detail.stateSince) - moment(detail.requestedAt);
    put(this.#next, h("p", {}, `Done in ${span(took)}. Commit `,
      h("code", { text: short(detail.commitSHA) }), " is on the branch",
      figures ? `: ${figures.filesChanged} ${figures.filesChanged === 1 ? "file" : "files"}, `
        + `${figures.insertions} added, ${figures.deletions} removed.` : ".",
      used ? h("span.muted", {}, " ", words(used)) : null),
    figures?.flagged?.length ? h("p", {}, h("strong", { text: "Look at these with care: " }),
      figures.flagged.map((path, index) => [index ? ", " : "", words(path, "code")]),
      ". They run code or steer programs as soon as somebody opens, checks out or builds the repository.") : null,
    this.#pullState === "merged" || this.#pullState === "closed"
      ? h("p.muted", { text: `The pull request is ${this.#pullState}.` })
      : h("p.muted", {}, "Next is yours: ",
        detail.pullRequest ? outLink(detail.pullRequest.html_url, "review the pull request") : "review it",
        ", merge it, or ask for changes."));
  }

  #showGoing(detail) {
    const { state, waiting, cancelRequested, nextIntent } = detail;
    const when = h("span");
    const now = cancelRequested ? "It is being cancelled."
      : waiting ? `It waits: ${waitWords(waiting.code)}.` : `${STATE_MEANING[state] ?? state}.`;
    if (waiting) setAttribute(this.#next, "data-kind", "warn");
    put(this.#next, h("p", {}, now),
      h("p.muted", {}, "Next: ", nextIntent ? `${nextWords(nextIntent)}. ` : "", when));
    if (waiting) this.#when = { node: when, at: moment(waiting.until), say: (left) => (left > 0 ? `Tried again in ${span(left)}.` : "Tried again now.") };
    else if (state === "Generating" && detail.generationEndsBy) {
      this.#when = { node: when, at: moment(detail.generationEndsBy),
        say: (left) => (left > 0 ? `Its time limit is in ${span(left)}.` : "Its time limit is reached.") };
    }
    this.#tick(Date.now());
  }

  #tick(now) {
    this.#timeline.tick(now);
    if (this.#when) setText(this.#when.node, this.#when.say(this.#when.at - now));
  }

  // MARK: Details and the task

  #showFacts(detail) {
    const followed = this.#conversation.value?.rounds.find(({ id }) => id === detail.follows);
    const key = JSON.stringify([detail.version, detail.pullRequest, followed?.id]);
    if (key === this.#factsKey) return;
    this.#factsKey = key;
    const { workflow } = detail;
    const time = (text) => h("time", { title: fully(moment(text)), text: at(moment(text)) });
    const code = (text) => (text ? h("code.break", { text }) : "–");
    const all = [
      ["Branch", [code(detail.branchName), copyButton("the branch's name", () => detail.branchName)]],
      ...(detail.follows ? [["Follows", h("a", { href: `#/delegations/${detail.follows}`,
        text: followed?.confirmationCode ?? "another delegation" })]] : []),
      ["Base", detail.baseBranch ? [code(detail.baseBranch), " at ", code(short(detail.baseSHA))] : "–"],
      ["Task commit", code(short(detail.taskCommitSHA))],
      ["Commit", code(short(detail.commitSHA))],
      ["Agent", words(detail.agent)],
      ["Worker", words(detail.worker ?? "–")],
      ["Attempt", detail.attempt > 0 ? `${detail.attempt}` : "–"],
      ["Output", outputSize(detail)],
      ["Requester", words(detail.requester)],
      ["Requested", time(detail.requestedAt)],
      ["Priority", `${detail.priority}`],
      ["Workflow", [words(workflow.name), " ", h("code", { title: workflow.digest, text: short(workflow.digest) })]],
      ["Id", code(detail.id)],
    ];
    put(this.#facts, all.map(([name, value]) => [h("dt", { text: name }), h("dd", {}, value)]));
  }

  #showTask(detail) {
    const conversation = this.#conversation.value;
    const asked = conversation ? takenBy(detail.id, conversation) : [];
    const key = JSON.stringify([detail.taskTitle, detail.objective, detail.prTitle, asked]);
    if (key === this.#taskKey) return;
    this.#taskKey = key;
    const part = (title, ...body) => h("section", {}, h("h3", { text: title }), body);
    const text = (value) => h("p.verbatim", { dir: "auto", text: value });
    const list = (items) => h("ul.criteria", {}, items.map((item) => h("li", { dir: "auto", text: item })));
    const { constraints, acceptanceCriteria: criteria } = detail;
    const limits = Array.isArray(constraints) ? constraints.length > 0 && list(constraints)
      : constraints ? text(constraints) : null;
    const said = (item) => h("div.asked", {}, h("p.muted", {}, words(item.author),
      placeWords(item) ? [" on ", h("code.break", { text: placeWords(item) })] : null),
    item.body === null ? h("p.muted", { text: "Its words were removed from the log." }) : text(item.body));
    put(this.#task,
      asked.length > 0 ? part("Asked for", asked.map(said)) : null,
      detail.objective === null ? h("p.muted", { text: "Its words were removed from the log." }) : null,
      detail.objective ? part("Objective", text(detail.objective)) : null,
      limits ? part("Constraints", limits) : null,
      criteria.length > 0 ? part("Acceptance criteria", list(criteria)) : null,
      detail.prTitle ? part("Pull request title", text(detail.prTitle)) : null);
  }

  // MARK: Actions

  /** The form exists once the pull request is known, and is shown while that is open. */
  #showForm(detail, canAsk) {
    if (canAsk && this.#form === null) {
      this.#form = new AskForm(detail.id, detail.agent, this.#comments);
      put(this.#formPlace, this.#form.node);
    }
    this.#formPlace.hidden = !canAsk;
  }

  /** A failed follow-up's form begins with what was asked, if nothing else was typed. */
  #openForm() {
    const { detail } = this.#delegation;
    const conversation = this.#conversation.value;
    if (isFailedFollowUp(detail) && this.#form.isEmpty && conversation) {
      const asked = takenBy(detail.id, conversation).filter(({ body }) => body !== null);
      this.#form.fill({
        message: asked.filter(({ path }) => path === null).map(({ body }) => body).join("\n\n"),
        comments: asked.filter(({ path }) => path !== null),
      });
    }
    this.#form.open(this.#ask);
  }

  #acting = false;

  async #askCancel() {
    const { state } = this.#delegation.detail;
    const running = state === "Generating" || state === "Dispatched";
    const yes = await confirm("Cancel this delegation?",
      `${running ? "The agent is ended. " : ""}The branch and the pull request stay as they are.`,
      "Cancel it");
    if (yes) await this.#act("cancel", this.#cancel);
  }

  async #act(what, button) {
    if (this.#acting) return;
    this.#acting = true;
    button.disabled = true;
    put(this.#said);
    try {
      await post(delegationRoute(this.#delegation.id, what));
      // The events update the rest. A focused element must not disappear.
      if (document.activeElement === document.body || button === document.activeElement) {
        this.#heading.focus({ preventScroll: true });
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setText(this.#said, `${error.message} ${error.hint}`.trim());
    } finally {
      this.#acting = false;
      button.disabled = false;
      if (this.#delegation.detail) this.#showActions(this.#delegation.detail);
    }
  }
}

function isFailedFollowUp({ kind, state }) {
  return kind === "follow-up" && state === "Failed";
}

function outputSize({ attempts }) {
  const figures = attempts?.findLast((attempt) => attempt.figures)?.figures;
  return figures ? size(figures.outputSize) : "–";
}
