// The form that creates a delegation: one box, and what follows from it. No typed text is lost if the
// server, the connection or the browser fails. One press makes one pull request, even if it is a double
// click.

import { Problem, json } from "../shared/api.js";
import { AgentChoice } from "./agents.js";
import { faultsOf, repositoryOf } from "./check.js";
import { tellCreated } from "../shared/created.js";
import { branchOf, issueIn, pullTitleOf, repositoryIn, titleOf } from "./derive.js";
import { IssueSource } from "./issue.js";
import { h, put, setText, withCode } from "../shared/dom.js";
import { Draft } from "../shared/draft.js";
import { Field, ListField, sentence } from "../shared/fields.js";
import { known, recall, remember, store } from "../shared/memory.js";

export function open({ feed }) {
  return new DelegatePage(feed);
}

const BOX_HINT = "In your own words, or the address of an issue. The first sentence becomes the title.";

class DelegatePage {
  title = "Generate Code & PR";

  #feed;
  #draft;
  #sending = false;
  #stop = new AbortController();
  /** What somebody typed themselves follows from nothing any more. */
  #touched = { repository: false, taskTitle: false, branchName: false, prTitle: false };
  /** Fields that were left or sent once: their errors are shown live. */
  #judged = new Set();
  /** Where the words come from, if it is an issue. */
  #source = new IssueSource((changes) => this.#sourced(changes));

  constructor(feed) {
    this.#feed = feed;
    this.#build();
    this.#draft = new Draft(() => this.#kept());
    this.#restore();
    this.#loadChoices();
    this.#feed.addEventListener("state", this.#connected);
    addEventListener("pagehide", this.#leave);
  }

  /** The next page is loaded while this one is filled in. */
  opened() {
    import("../delegation/page.js").catch(() => {});
  }

  /** What was said about a lost connection is over. */
  #connected = () => {
    if (this.#feed.state === "live" && this.#isOffline) this.#tell();
  };

  #leave = () => this.#draft.close();

  close() {
    this.#draft.close();
    this.#source.close();
    this.#stop.abort();
    this.#feed.removeEventListener("state", this.#connected);
    removeEventListener("pagehide", this.#leave);
  }

  // MARK: Elements

  #fields = {};
  #criteria;
  #form;
  #button;
  #result;
  #more;
  #derived;
  #preview = h("span.preview");
  #choice = new AgentChoice();
  #repositories = h("datalist", { id: "delegate-repositories" });

  #build() {
    const text = (name, label, props, options) => this.#add(new Field(name, label,
      h("input", { autocomplete: "off", ...props }), options));
    const area = (name, label, options) => this.#add(new Field(name, label,
      h("textarea", { rows: 3 }), options));
    const code = { spellcheck: "false", autocapitalize: "off" };
    const box = this.#add(new Field("objective", "What should be done?",
      h("textarea.box", { rows: 5, dir: "auto", "data-first": true }),
      { hint: BOX_HINT }));
    text("repository", "Repository", { ...code, list: this.#repositories.id, placeholder: "owner/repo" },
      { hint: "The owner, a slash and the name; its address will do too." });
    this.#add(this.#choice.workflow);
    this.#add(this.#choice.agent);
    text("taskTitle", "Task title", { dir: "auto" }, { hint: "The headline of TASK.md." });
    text("branchName", "Branch name", { ...code, placeholder: "feature/add-export" });
    text("prTitle", "Pull request title", { dir: "auto" });
    area("constraints", "Constraints",
      { hint: "What it has to keep to: patterns, libraries, places.", optional: true });
    this.#criteria = new ListField("acceptanceCriteria", "Acceptance criteria",
      { hint: "How you will know that it is done. Enter adds another.",
        changed: () => this.#typed(this.#criteria) });
    this.#more = this.#buildMore(text, code);
    this.#button = h("button.primary", { type: "submit", text: "Generate Code & PR" });
    this.#result = h("div.form-result", { role: "alert" });
    const { repository, workflow, agent, taskTitle, branchName, prTitle, constraints } = this.#fields;
    this.#derived = h("details.more", {},
      h("summary", {}, "Title, branch and pull request", this.#preview),
      taskTitle.node, h("div.pair", {}, branchName.node, prTitle.node));
    this.#form = h("form.delegate", {
      novalidate: true, "aria-labelledby": "delegate-title",
      onsubmit: (event) => this.#submit(event), oninput: (event) => this.#input(event),
      onfocusout: (event) => this.#left(event), onkeydown: (event) => this.#key(event),
    },
      box.node, h("div.trio", {}, repository.node, workflow.node, agent.node),
      this.#derived, this.#more,
      h("div.form-end", {}, this.#result, h("div.actions", {},
        h("button.quiet", { type: "button", text: "Clear", onclick: () => this.#clear() }),
        this.#button)),
      this.#repositories);
    this.#showDerived();
    this.node = h("section.page.narrow", {},
      h("header.page-head", {},
        h("h1", { id: "delegate-title", tabindex: -1, text: "Generate Code & PR" }),
        h("p.muted", {
          text: "A branch and a pull request open at once, and an agent puts its commit on top.",
        })), this.#form);
  }

  #buildMore(text, code) {
    text("baseBranch", "Base branch", code,
      { hint: "Left empty, the repository's default branch.", optional: true });
    const priority = this.#add(new Field("priority", "Priority", h("select", {},
      [9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((n) => h("option", {
        value: n, selected: n === 5, text: PRIORITIES[n] ?? `${n}`,
      }))), { hint: "Higher goes first." }));
    const draft = h("input", { type: "checkbox", name: "draft", id: "field-draft" });
    this.#fields.draft = { name: "draft", control: draft, show() {} };
    return h("details.more", {}, h("summary", { text: "More: constraints, acceptance criteria, base branch, priority" }),
      this.#fields.constraints.node, this.#criteria.node,
      h("div.pair", {}, this.#fields.baseBranch.node, priority.node),
      h("div.check", {}, draft, h("label", { for: "field-draft", text: "Open it as a draft" })));
  }

  #add(field) {
    this.#fields[field.name] = field;
    return field;
  }

  async #loadChoices() {
    const offer = (names) => put(this.#repositories,
      [...new Set(names)].map((name) => h("option", { value: name })));
    offer(known("repositories"));
    await this.#choice.load(this.#stop.signal);
    const names = [...known("repositories"), ...this.#choice.repositories];
    offer(names);
    const { signal } = this.#stop;
    // The forge may take its time, or list none.
    const found = await json("api/repositories", { signal }).catch(() => null);
    if (found && !signal.aborted) offer([...names, ...found.items]);
  }

  // MARK: Fields

  /** The fields as a draft stores them. */
  #kept() {
    const { repository, taskTitle, objective, branchName, prTitle, constraints, baseBranch,
      priority, draft } = this.#fields;
    return {
      repository: repository.value, taskTitle: taskTitle.value, objective: objective.value,
      branchName: branchName.value, prTitle: prTitle.value, constraints: constraints.value,
      ...this.#choice.value, baseBranch: baseBranch.value, priority: priority.value,
      draft: draft.control.checked, acceptanceCriteria: this.#criteria.value,
      touched: this.#touched, issue: this.#source.issue,
    };
  }

  #restore() {
    const kept = this.#draft.fields;
    if (!kept) {
      this.#fields.repository.value = recall("repository") ?? "";
      return;
    }
    this.#fill(kept);
    const isUsed = kept.constraints || kept.baseBranch || kept.draft || (kept.priority ?? "5") !== "5"
      || kept.acceptanceCriteria?.some?.((text) => text !== "");
    this.#more.open = Boolean(isUsed);
  }

  /** Fills the fields from a draft; missing ones are emptied. */
  #fill(kept) {
    const text = (value) => (typeof value === "string" ? value : "");
    for (const [name, field] of Object.entries(this.#fields)) {
      if (name !== "workflow" && name !== "agent") field.value = text(kept[name]);
    }
    this.#choice.value = { workflow: text(kept.workflow), agent: text(kept.agent) };
    this.#fields.priority.value = text(kept.priority) || "5";
    this.#fields.draft.control.checked = kept.draft === true;
    this.#criteria.value = Array.isArray(kept.acceptanceCriteria)
      ? kept.acceptanceCriteria.map(text) : [];
    this.#touched = { repository: false, taskTitle: false, branchName: false, prTitle: false, ...kept.touched };
    this.#source.issue = kept.issue ?? null;
    this.#showSource();
    this.#derived.open = this.#touched.taskTitle || this.#touched.branchName || this.#touched.prTitle;
    this.#showDerived();
  }

  /** Empties the form except for the repository. The content can be restored. */
  #clear(canUndo = true) {
    const before = this.#kept();
    this.#draft.clear();
    this.#fill({ repository: before.repository, workflow: before.workflow, agent: before.agent });
    this.#judged.clear();
    this.#judge();
    this.#tell();
    if (canUndo && (before.taskTitle || before.objective)) {
      this.#tell(h("span.muted", { text: "Cleared. " }), h("button.quiet.small", {
        type: "button", text: "Undo",
        onclick: () => {
          this.#fill(before);
          this.#draft.save();
          this.#tell();
          this.#fields.objective.focus();
        },
      }));
    }
    this.#fields.objective.focus();
  }

  #input({ target }) {
    const name = target.name;
    if (name in this.#touched) this.#touched[name] = target.value !== "";
    if (name === "objective") this.#source.look(issueIn(target.value));
    if (name === "objective" || name in this.#touched) this.#derive();
    this.#typed(this.#fields[name] ?? this.#criteria);
  }

  #typed(field) {
    this.#draft?.touch();
    if (!this.#judged.has(field.name)) return;
    const count = this.#judge();
    if (this.#isCounting) this.#tellCount(count);
  }

  /** A field that was left with content is checked from then on. */
  #left({ target }) {
    const field = this.#fields[target.name] ?? (this.#criteria.node.contains(target)
      && target.tagName === "INPUT" ? this.#criteria : null);
    if (!field || this.#judged.has(field.name)) return;
    if (target.value === "") return;
    this.#judged.add(field.name);
    this.#judge();
  }

  /** Shows an issue that is read, was read or could not be; its words take the place of its address. */
  #sourced({ found = null } = {}) {
    const { objective, repository } = this.#fields;
    if (found) {
      objective.value = found.objective;
      if (!this.#touched.repository) repository.value = found.repository;
      this.#derive();
      this.#draft.touch();
    }
    this.#showSource();
    this.#judge();
  }

  #showSource() {
    this.#fields.objective.setHint(...(this.#source.words() ?? [BOX_HINT]));
  }

  /** Fills in what follows from the box, and from the title. */
  #derive() {
    const { objective, repository, taskTitle, branchName, prTitle } = this.#fields;
    const found = repositoryIn(objective.value);
    if (found && !this.#touched.repository) repository.value = found;
    if (!this.#touched.taskTitle) taskTitle.value = titleOf(objective.value);
    const title = taskTitle.value.trim();
    if (!this.#touched.branchName) branchName.value = branchOf(title);
    if (!this.#touched.prTitle) prTitle.value = pullTitleOf(title);
    this.#showDerived();
  }

  /** Shows what was derived, and the branch's addition: it starts with the current time and is unique. */
  #showDerived() {
    const { taskTitle, branchName } = this.#fields;
    const stamp = () => h("span.stamp", { text: `-${String(Date.now()).slice(0, 6)}…` });
    branchName.setHint("Will be ", h("code", {}, h("bdi", { text: branchName.value || "name" }), stamp()),
      ", with a time that makes it new.");
    put(this.#preview, taskTitle.value ? [h("bdi", { text: taskTitle.value }),
      branchName.value ? h("code", {}, h("bdi", { text: branchName.value }), stamp()) : null] : null);
  }

  // MARK: Checking

  #body() {
    const kept = this.#kept();
    const { owner, repo } = repositoryOf(kept.repository) ?? { owner: "", repo: "" };
    const body = {
      owner, repo, branchName: kept.branchName, taskTitle: kept.taskTitle,
      objective: kept.objective, prTitle: kept.prTitle, constraints: kept.constraints,
      acceptanceCriteria: kept.acceptanceCriteria, priority: Number(kept.priority),
    };
    if (kept.agent) body.agent = kept.agent;
    if (kept.workflow) body.workflow = kept.workflow;
    if (kept.baseBranch) body.baseBranch = kept.baseBranch;
    if (kept.draft) body.draft = true;
    if (kept.issue) body.issue = kept.issue.name;
    return body;
  }

  /** Shows the errors of checked fields; @returns the number of fields with errors */
  #judge(faults = faultsOf(this.#body())) {
    const byField = new Map();
    const ofCriteria = new Map();
    for (const { field, message } of faults) {
      const [, name, index] = field.match(/^(\w+)(?:\[(\d+)\])?$/) ?? [null, field];
      if (name === "acceptanceCriteria") ofCriteria.set(index ? Number(index) : -1, sentence(message));
      else if (name === "owner" || name === "repo") {
        if (!byField.has("repository")) byField.set("repository", this.#repositoryFault(name, message));
      } else {
        // What is wrong with the issue stands at the box that named it.
        const of = name === "issue" ? "objective" : name;
        if (!byField.has(of)) byField.set(of, sentence(message));
      }
    }
    if (this.#source.fault) byField.set("objective", this.#source.fault);
    // What follows from the objective is empty as long as that is.
    if (byField.has("objective")) {
      for (const name of ["taskTitle", "branchName", "prTitle"]) if (!this.#fields[name].value) byField.delete(name);
    }
    for (const field of Object.values(this.#fields)) {
      if (field.name === "objective" && this.#source.fault) field.show(this.#source.fault);
      else field.show(this.#judged.has(field.name) ? byField.get(field.name) ?? null : null);
    }
    this.#criteria.show(this.#judged.has("acceptanceCriteria") ? ofCriteria : new Map());
    return byField.size + (ofCriteria.size > 0 ? 1 : 0);
  }

  #repositoryFault(name, message) {
    const text = this.#fields.repository.value;
    if (text.trim() === "") return "Is empty; write the owner, a slash and the repository's name.";
    if (!repositoryOf(text)) {
      return "Is not owner/repo; write the owner, a slash and the repository's name.";
    }
    return `${name === "owner" ? "The owner" : "The name"} ${message}.`;
  }

  // MARK: Sending

  #key(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.#form.requestSubmit();
    }
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#sending) return;
    await this.#source.done;
    for (const name of Object.keys(this.#fields)) this.#judged.add(name);
    this.#judged.add("acceptanceCriteria");
    const count = this.#judge();
    if (count > 0) {
      this.#tellCount(count);
      this.#focusFault();
      return;
    }
    this.#sending = true;
    this.#tell();
    setText(this.#button, "Creating…");
    this.#button.setAttribute("aria-disabled", "true");
    try {
      await this.#send(JSON.stringify(this.#body()));
    } finally {
      this.#sending = false;
      setText(this.#button, "Generate Code & PR");
      this.#button.removeAttribute("aria-disabled");
    }
  }

  async #send(body) {
    const { signal } = this.#stop;
    const headers = { "Idempotency-Key": this.#draft.key(body) };
    try {
      const answer = await json("api/personal-delegate", { method: "POST", body, headers, signal });
      this.#sent(answer);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.#refused(error);
    }
  }

  #sent(answer) {
    const { repository } = this.#fields;
    const parts = repositoryOf(repository.value);
    if (parts) {
      store("repository", `${parts.owner}/${parts.repo}`);
      remember("repositories", `${parts.owner}/${parts.repo}`, true);
    }
    this.#fill({});
    this.#draft.clear();
    // Shown at once: the delegation's own page, which shows it too, takes a few frames.
    const code = h("code", { text: answer.confirmationCode });
    put(this.#result, h("p.created", {}, "Task created. Confirmation: ", code));
    tellCreated(answer);
    location.hash = `#/delegations/${answer.id}`;
  }

  #refused(problem) {
    const { status, body } = problem;
    if (status === 422 && problem.errors.length > 0) {
      const faults = problem.errors.map(({ field, message }) => ({
        field, message: message.replace(/^\w+(\[\d+\])? /, ""),
      }));
      const ours = faults.filter(({ field }) => field !== "Idempotency-Key");
      const count = this.#judge(ours);
      // Another body used this key: the next try gets a new one.
      if (ours.length < faults.length) this.#draft.forgetKey();
      if (count > 0) this.#tellCount(count);
      else this.#tell("It was not taken. Try once more.");
      this.#focusFault();
      return;
    }
    if (typeof body.id === "string") {
      this.#draft.forgetKey();
      const words = sentence(problem.message);
      const hint = problem.hint ? `${sentence(problem.hint)} ` : "";
      const link = h("a", { href: `#/delegations/${body.id}`, text: "What happened" });
      const name = fieldOf(problem);
      if (name === null) {
        this.#tell(withCode(`${words} ${hint}`), link);
        return;
      }
      this.#fields[name].show(words);
      this.#tell(withCode(hint), link);
      this.#focusFault();
      return;
    }
    const later = problem.retryAfter ? ` Try again in ${Math.ceil(problem.retryAfter / 1000)} s.` : "";
    this.#tell(status === 0
      ? "The server does not answer. What you typed is kept; trying again makes one pull request, "
        + "not two."
      : `${sentence(problem.message)}${problem.hint ? ` ${sentence(problem.hint)}` : ""}${later} What you typed is kept.`);
    this.#isOffline = status === 0;
  }

  #isCounting = false;
  #isOffline = false;

  /** @param count how many fields have errors; it is kept up while they are mended */
  #tellCount(count) {
    this.#tell(count === 0 ? null : countWords(count));
    this.#isCounting = count > 0;
  }

  #tell(...children) {
    this.#isCounting = false;
    this.#isOffline = false;
    put(this.#result, children.some((child) => child) ? h("p", {}, children) : null);
  }

  #focusFault() {
    const order = ["objective", "repository", "workflow", "agent", "taskTitle", "branchName", "prTitle", "constraints"];
    const first = order.map((name) => this.#fields[name]).find((field) => field.fault)
      ?? (this.#criteria.fault ? this.#criteria : null)
      ?? Object.values(this.#fields).find((field) => field.fault);
    if (!first) return;
    first.node.closest("details")?.setAttribute("open", "");
    first.focus();
    first.node.scrollIntoView({ block: "center" });
  }
}

/** The field that a forge's refusal is about; null if it is about none. */
function fieldOf({ code, message }) {
  if (code !== "forge-refused") return null;
  if (/branch/.test(message)) return "baseBranch";
  return /repository/.test(message) ? "repository" : null;
}

const PRIORITIES = { 9: "9, the most urgent", 5: "5, as usual", 0: "0, the least" };

function countWords(count) {
  return count === 1 ? "One field has an error; nothing was sent."
    : `${count} fields have errors; nothing was sent.`;
}
