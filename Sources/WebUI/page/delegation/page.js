// One delegation: its state, the next step, the agent's output and changes, and the available actions.

import { Problem, delegationRoute, post } from "../shared/api.js";
import { AttemptsPart } from "./attempts.js";
import { AskForm } from "../conversation/ask.js";
import { LineComments } from "../conversation/comments.js";
import { takeCreated } from "../shared/created.js";
import { Conversation, takenBy } from "../conversation/conversation.js";
import { Delegation } from "./delegation.js";
import { DiffView } from "./diff.js";
import { confirm, copyButton, h, outLink, put, setAttribute, setText, words } from "../shared/dom.js";
import { EventLog } from "../shared/envelopes.js";
import { lastList } from "../shared/filters.js";
import { Badge } from "../shared/marks.js";
import { NetworkPart } from "./network.js";
import { setTitle } from "../shared/notices.js";
import { NextPart } from "./next.js";
import { OutputView } from "./output.js";
import { queueWords } from "../shared/phases.js";
import { QueueWatch } from "../shared/queue.js";
import { RoundsPart } from "../conversation/rounds.js";
import { rowOf } from "../shared/rows.js";
import { Tabs } from "./tabs.js";
import { everySecond, at, fully, moment, size } from "../shared/time.js";
import { Timeline } from "./timeline.js";
import { isOver, placeWords, short } from "../shared/words.js";

export function open({ feed, ref, query }) {
  return new DelegationPage(feed, ref, query);
}

class DelegationPage {
  title = "Delegation";
  keys = {
    1: { does: "Output", run: () => this.#tabs.press("output") },
    2: { does: "Changes", run: () => this.#tabs.press("changes") },
    3: { does: "Task", run: () => this.#tabs.press("task") },
    4: { does: "Events", run: () => this.#tabs.press("events") },
    j: { does: "Next file or hit", run: () => this.#step(1) },
    k: { does: "File or hit before", run: () => this.#step(-1) },
    v: { does: "Viewed", run: () => this.#diff.toggleViewed() },
    "/": { does: "Filter the files, or search the output", run: () => this.#find() },
    f: { does: "Follow the output", run: () => this.#output.follow() },
    c: { does: "Cancel", run: () => this.#cancel.hidden || this.#cancel.click() },
    r: { does: "Retry", run: () => this.#retry.hidden || this.#retry.click() },
    a: { does: "Ask for changes", run: () => this.#ask.hidden || this.#ask.click() },
    u: { does: "Back to the list", run: () => { location.hash = lastList.address; } },
  };

  #ref;
  #delegation;
  #conversation;
  #endTicks;

  constructor(feed, ref, query) {
    this.#ref = ref;
    this.#delegation = new Delegation(feed, ref, () => this.#show());
    this.#conversation = new Conversation(feed, () => this.#showConversation());
    // The server answers while the page is built. Without a pull request there is no conversation yet.
    this.#delegation.load();
    this.#conversation.start(ref);
    this.#build();
    this.moved(query);
    this.#queue = new QueueWatch(feed, () => this.#delegation.detail?.state === "PRCreated",
      () => this.#showQueue());
    this.#endTicks = everySecond((now) => this.#tick(now));
  }

  close() {
    this.#endTicks();
    this.#queue.close();
    this.#delegation.close();
    this.#conversation.close();
    this.#form?.close();
    this.#output.close();
    this.#diff.close();
  }

  // MARK: Places

  /** Shows the part, the file or the line that an address names. */
  moved(query) {
    if (query.has("file")) {
      this.#tabs.choose("changes");
      this.#diff.goTo({ file: query.get("file"), line: query.get("line"), old: query.get("old") });
    } else if (query.has("tab")) this.#tabs.choose(query.get("tab"));
    if (query.has("change")) {
      this.#change = Number(query.get("change")) || 0;
      if (this.#delegation?.detail) this.#showParts(this.#delegation.detail, this.#delegation.events);
    }
    if (query.has("attempt")) {
      this.#attempts.choose(Number(query.get("attempt")));
      this.#output.goTo({ attempt: Number(query.get("attempt")) || 0, line: Number(query.get("line")) || 0 });
    }
  }

  /** The attempt whose kept patch is shown; 0 for the commit, null for what there is. */
  #change = null;

  /** The change that is shown: the newest commit, or what an attempt without one had made. */
  #source(detail, commit) {
    const kept = (detail.attempts ?? []).filter(({ patch }) => patch).map(({ number }) => number);
    const number = kept.includes(this.#change) ? this.#change : commit ? null : kept.at(-1) ?? null;
    if (number !== null) {
      return { key: `attempt-${number}`, id: `${detail.id}-${number}`, part: "patch", query: { attempt: number },
        address: { change: number }, name: `What attempt ${number} had made, which was not handed in` };
    }
    return commit ? { key: commit, id: detail.id, part: "diff", query: {} } : null;
  }

  /** The shown part has an address, too. */
  #showAddress(name) {
    history.replaceState(null, "", `#/delegations/${encodeURIComponent(this.#ref)}?tab=${name}`);
  }

  #step(by) {
    if (this.#tabs.chosen === "changes") this.#diff.step(by);
    else if (this.#tabs.chosen === "output") this.#output.step(by);
  }

  #find() {
    if (this.#tabs.chosen === "changes") this.#diff.filterFiles();
    else if (this.#tabs.chosen === "output") this.#output.find();
  }

  #showWidth() {
    setAttribute(this.node, "data-wide", this.#tabs.chosen === "changes" && this.#diff.isWide);
  }

  // MARK: Elements

  #heading = h("h1", { tabindex: -1 });
  #badge = new Badge();
  #where = h("p.where");
  #whereKey = "";
  #next = new NextPart();
  #queue;
  #said = h("p.said", { role: "alert" });
  #cancel = h("button", { type: "button", text: "Cancel", onclick: () => this.#askCancel() });
  #retry = h("button.primary", { type: "button", text: "Retry", onclick: () => this.#act("retry", this.#retry) });
  #ask = h("button", { type: "button", hidden: true, onclick: () => this.#openForm() });
  #rounds = new RoundsPart();
  #comments = new LineComments();
  /** Made when the delegation is known. */
  #form = null;
  #formPlace = h("div.ask-place");
  #attempts;
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
    this.#attempts = new AttemptsPart(this.#ref);
    this.#output = new OutputView(this.#ref);
    this.#diff = new DiffView(this.#ref, this.#comments, () => this.#form?.open(this.#ask),
      () => this.#showWidth());
    this.#tabs = new Tabs("Parts of the delegation", [
      { name: "output", title: "Output", node: this.#output.node },
      { name: "changes", title: "Changes", node: this.#diff.node },
      { name: "task", title: "Task", node: this.#task },
      { name: "events", title: "Events", node: this.#log.node },
    ], (name) => {
      this.#output.setActive(name === "output" && this.#delegation?.detail != null);
      this.#diff.setActive(name === "changes");
      if (this.node) this.#showWidth();
    }, (name) => this.#showAddress(name));
    this.#cancel.hidden = true;
    this.#retry.hidden = true;
    this.#body = h("div.detail", { "data-loading": "" },
      h("header.detail-head", {},
        h("div.detail-title", {}, this.#heading, h("div.actions", {}, this.#ask, this.#cancel, this.#retry)),
        h("div.detail-line", {}, this.#badge.node, this.#where),
        this.#next.node, this.#said),
      this.#rounds.node, this.#formPlace,
      h("div.detail-grid", {},
        h("div.detail-side", {}, this.#attempts.node, this.#timeline.node, this.#network.node,
          h("section", { "aria-labelledby": "facts-title" },
            h("h2", { id: "facts-title", text: "Details" }), this.#facts)),
        this.#tabs.node));
    const code = takeCreated(this.#ref);
    this.node = h("section.page.detail-page", { "aria-busy": "true" },
      code === null ? null : h("p.created", { role: "status" }, "Task created. Confirmation: ", h("code", { text: code })),
      this.#body, this.#message);
    this.#message.hidden = true;
    this.#showWidth();
  }

  // MARK: Rendering

  #show() {
    const { detail, problem, events } = this.#delegation;
    if (problem) {
      setAttribute(this.node, "aria-busy", null);
      this.#explain(problem);
      return;
    }
    if (this.#conversation.value !== null) this.#rounds.update(this.#conversation.value, detail.id);
    this.#showLoaded(detail);
    this.#message.hidden = true;
    this.#body.hidden = false;
    this.title = detail.taskTitle ?? "(its words were removed)";
    setTitle(this.title);
    setText(this.#heading, this.title);
    setAttribute(this.#heading, "dir", "auto");
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
    const isWaiting = isRound(detail) && !this.#conversation.isSettled;
    if (isWaiting && this.#body.hasAttribute("data-loading")) return;
    setAttribute(this.node, "aria-busy", null);
    if (!this.#body.hasAttribute("data-loading")) return;
    // Rounds that come later are added below, where they move nothing.
    if (isRound(detail) && this.#conversation.value === null) this.#body.append(this.#rounds.node);
    setAttribute(this.#body, "data-loading", null);
    // What is hidden cannot have the focus.
    if (document.activeElement === document.body) this.#heading.focus({ preventScroll: true });
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
    put(this.#message, h("h1", { tabindex: -1, text: problem.title }), h("p", { text: `${problem.message} ${problem.hint}` }),
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
    put(this.#where, h("nav.crumbs", { "aria-label": "Where it stands" },
      h("a", { href: "#/delegations", text: "Delegations" }), h("a", { href: `#/repositories/${name}` }, words(name))),
      pull ? h("span", {}, outLink(pull.html_url, `Pull request #${pull.number}`),
        state !== "open" ? ` ${state}` : "")
        : h("span.muted", { text: isOver(detail.state) ? "No pull request" : "No pull request yet" }),
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
    const source = this.#source(detail, made?.data.sha ?? null);
    this.#diff.update(source);
    this.#attempts.update(events, detail, made?.data.sha ?? null);
    this.#output.update(detail.attempt, !isOver(detail.state));
    this.#tabs.note("changes", source ? "•" : "");
    this.#tabs.note("events", `${events.length}`);
    if (this.#tabs.chosen === null) {
      this.#tabs.choose(detail.state === "Pushed" ? "changes" : "output");
    } else if (this.#tabs.chosen === "output") this.#output.setActive(true);
  }

  // MARK: Current state and next step

  #showNext(detail, events) {
    const row = rowOf(detail, this.#pullState);
    const queue = this.#place(detail);
    const said = queueWords(queue);
    this.#badge.update(row.phase, row.phase === "queued" && said ? `(${said})` : "");
    const rounds = this.#conversation.value?.rounds ?? [];
    this.#next.update(detail, { events, rounds, pull: this.#pull, pullState: this.#pullState, queue });
  }

  #place({ id, state, queue }) {
    if (state !== "PRCreated") return null;
    return this.#queue.of(id) ?? (queue && { place: queue.place, startsAt: moment(queue.startsAt) });
  }

  #showQueue() {
    const { detail, events, problem } = this.#delegation;
    if (detail !== null && !problem && detail.state === "PRCreated") this.#showNext(detail, events);
  }

  #tick(now) {
    this.#timeline.tick(now);
    this.#attempts.tick(now);
    this.#next.tick(now);
  }

  // MARK: Details and the task

  #showFacts(detail) {
    const followed = this.#conversation.value?.rounds.find(({ id }) => id === detail.follows);
    const key = JSON.stringify([detail.version, detail.pullRequest, followed?.id]);
    if (key === this.#factsKey) return;
    this.#factsKey = key;
    const { workflow } = detail;
    const time = (text) => h("time", { title: () => fully(moment(text)), text: at(moment(text)) });
    const code = (text) => (text ? h("code.break", { text }) : "–");
    // Forges have these pages beside that of the pull request.
    const forge = detail.pullRequest?.html_url.match(/^(.*?\/(?:-\/)?)(?:pull|merge_requests)\/\d+$/)?.[1];
    const linked = (text, kind, name) => (forge && text
      ? h("a", { href: `${forge}${kind}/${name.split("/").map(encodeURIComponent).join("/")}`, rel: "noreferrer" }, code(text))
      : code(text));
    const all = [
      ...(detail.issue ? [["Issue", h("a", { href: detail.issue.html_url, rel: "noreferrer", text: detail.issue.name })]] : []),
      ["Branch", [linked(detail.branchName, "tree", detail.branchName), copyButton("the branch's name", () => detail.branchName)]],
      ...(detail.follows ? [["Follows", h("a", { href: `#/delegations/${detail.follows}`,
        text: followed?.confirmationCode ?? "another delegation" })]] : []),
      ["Base", detail.baseBranch ? [code(detail.baseBranch), " at ", code(short(detail.baseSHA))] : "–"],
      ["Task commit", linked(short(detail.taskCommitSHA), "commit", detail.taskCommitSHA)],
      ["Commit", linked(short(detail.commitSHA), "commit", detail.commitSHA)],
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

/** Whether it belongs to a pull request, which may have other rounds. */
function isRound({ pullRequest, follows }) {
  return Boolean(pullRequest || follows);
}
