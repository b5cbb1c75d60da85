// The form that creates a delegation. No typed text is lost if the server, the connection or the
// browser fails. One press makes one pull request, even if it is a double click.

import { Problem, json } from "../shared/api.js";
import { faultsOf, repositoryOf } from "./check.js";
import { h, put, setText } from "../shared/dom.js";
import { Draft } from "../shared/draft.js";
import { Field, ListField, sentence } from "../shared/fields.js";
import { known, recall, remember, store } from "../shared/memory.js";
import { Receipt } from "./receipt.js";

export function open({ feed }) {
  return new DelegatePage(feed);
}

class DelegatePage {
  title = "Generate Code & PR";

  #feed;
  #draft;
  #sending = false;
  #receipt = null;
  #stop = new AbortController();
  #touched = { branchName: false, prTitle: false };
  /** Fields that were left or sent once: their errors are shown live. */
  #judged = new Set();

  constructor(feed) {
    this.#feed = feed;
    this.#build();
    this.#draft = new Draft(() => this.#kept());
    this.#restore();
    this.#choices();
    addEventListener("pagehide", this.#leave);
  }

  #leave = () => this.#draft.close();

  close() {
    this.#draft.close();
    this.#stop.abort();
    this.#receipt?.close();
    removeEventListener("pagehide", this.#leave);
  }

  // MARK: Elements

  #fields = {};
  #criteria;
  #form;
  #button;
  #result;
  #more;
  #agents = h("datalist", { id: "agents" });
  #repositories = h("datalist", { id: "delegate-repositories" });

  #build() {
    const text = (name, label, props, options) => this.#add(new Field(name, label,
      h("input", { autocomplete: "off", ...props }), options));
    const area = (name, label, options) => this.#add(new Field(name, label,
      h("textarea", { rows: 3 }), options));
    const code = { spellcheck: "false", autocapitalize: "off" };
    text("repository", "Repository",
      { ...code, list: this.#repositories.id, placeholder: "owner/repo", "data-first": true },
      { hint: "The owner, a slash and the name; its address will do too." });
    text("taskTitle", "Task title", {}, { hint: "The headline of TASK.md." });
    area("objective", "Objective", { hint: "What the agent is to achieve, in your own words." });
    text("branchName", "Branch name", { ...code, placeholder: "feature/add-export" });
    text("prTitle", "Pull request title", {}, { hint: "Suggested from the task title." });
    area("constraints", "Constraints",
      { hint: "What it has to keep to: patterns, libraries, places.", optional: true });
    this.#criteria = new ListField("acceptanceCriteria", "Acceptance criteria",
      { hint: "How you will know that it is done. Enter adds another.",
        changed: () => this.#typed(this.#criteria) });
    this.#more = this.#buildMore(text, code);
    this.#button = h("button.primary", { type: "submit", text: "Generate Code & PR" });
    this.#result = h("div.form-result", { role: "alert" });
    const { repository, taskTitle, objective, branchName, prTitle, constraints } = this.#fields;
    this.#form = h("form.delegate", {
      novalidate: true, "aria-labelledby": "delegate-title",
      onsubmit: (event) => this.#submit(event), oninput: (event) => this.#input(event),
      onfocusout: (event) => this.#left(event), onkeydown: (event) => this.#key(event),
    },
      [repository, taskTitle, objective].map((field) => field.node),
      h("div.pair", {}, branchName.node, prTitle.node),
      constraints.node, this.#criteria.node, this.#more,
      h("div.form-end", {}, this.#result, h("div.actions", {},
        h("button.quiet", { type: "button", text: "Clear", onclick: () => this.#clear() }),
        this.#button)),
      this.#agents, this.#repositories);
    this.#showBranch();
    this.node = h("section.page.narrow", {},
      h("header.page-head", {},
        h("h1", { id: "delegate-title", tabindex: -1, text: "Generate Code & PR" }),
        h("p.muted", {
          text: "Say what you want. A branch and a pull request open at once, and an agent puts "
            + "its commit on top.",
        })), this.#form);
  }

  #buildMore(text, code) {
    text("agent", "Agent", { ...code, list: this.#agents.id },
      { hint: "Left empty, the server chooses.", optional: true });
    text("baseBranch", "Base branch", code,
      { hint: "Left empty, the repository's default branch.", optional: true });
    const priority = this.#add(new Field("priority", "Priority", h("select", {},
      [9, 8, 7, 6, 5, 4, 3, 2, 1, 0].map((n) => h("option", {
        value: n, selected: n === 5, text: PRIORITIES[n] ?? `${n}`,
      }))), { hint: "Higher goes first." }));
    const draft = h("input", { type: "checkbox", name: "draft", id: "field-draft" });
    this.#fields.draft = { name: "draft", control: draft, show() {} };
    return h("details.more", {}, h("summary", { text: "More: agent, base branch, priority" }),
      h("div.trio", {}, this.#fields.agent.node, this.#fields.baseBranch.node, priority.node),
      h("div.check", {}, draft, h("label", { for: "field-draft", text: "Open it as a draft" })));
  }

  #add(field) {
    this.#fields[field.name] = field;
    return field;
  }

  /** The server's choices. The form also works without them. */
  async #choices() {
    const offer = (names) => put(this.#repositories,
      [...new Set(names)].map((name) => h("option", { value: name })));
    offer(known("repositories"));
    try {
      const found = await json("api/choices", { signal: this.#stop.signal });
      offer([...known("repositories"), ...found.repositories]);
      put(this.#agents, found.agents.map(({ name, description, found: there }) => h("option", {
        value: name, label: there ? description : `${description} (no worker has it)`,
      })));
      if (found.agent) this.#fields.agent.setHint("Left empty: ", h("code", { text: found.agent }));
    } catch {
      // Suggestions are optional.
    }
  }

  // MARK: Fields

  /** The fields as a draft stores them. */
  #kept() {
    const { repository, taskTitle, objective, branchName, prTitle, constraints, agent, baseBranch,
      priority, draft } = this.#fields;
    return {
      repository: repository.value, taskTitle: taskTitle.value, objective: objective.value,
      branchName: branchName.value, prTitle: prTitle.value, constraints: constraints.value,
      agent: agent.value, baseBranch: baseBranch.value, priority: priority.value,
      draft: draft.control.checked, acceptanceCriteria: this.#criteria.value,
      touched: this.#touched,
    };
  }

  #restore() {
    const kept = this.#draft.fields;
    if (!kept) {
      this.#fields.repository.value = recall("repository") ?? "";
      return;
    }
    this.#fill(kept);
    const isUsed = kept.agent || kept.baseBranch || kept.draft || (kept.priority ?? "5") !== "5";
    this.#more.open = Boolean(isUsed);
  }

  /** Fills the fields from a draft; missing ones are emptied. */
  #fill(kept) {
    const text = (value) => (typeof value === "string" ? value : "");
    for (const [name, field] of Object.entries(this.#fields)) field.value = text(kept[name]);
    this.#fields.priority.value = text(kept.priority) || "5";
    this.#fields.draft.control.checked = kept.draft === true;
    this.#criteria.value = Array.isArray(kept.acceptanceCriteria)
      ? kept.acceptanceCriteria.map(text) : [];
    this.#touched = { branchName: false, prTitle: false, ...kept.touched };
    this.#showBranch();
  }

  /** Empties the form except for the repository. The content can be restored. */
  #clear(canUndo = true) {
    const before = this.#kept();
    this.#draft.clear();
    this.#fill({ repository: before.repository });
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
          this.#fields.taskTitle.focus();
        },
      }));
    }
    this.#fields.taskTitle.focus();
  }

  #input({ target }) {
    const name = target.name;
    if (name in this.#touched) this.#touched[name] = target.value !== "";
    if (name === "taskTitle") this.#suggest();
    if (name === "branchName" || name === "taskTitle") this.#showBranch();
    this.#typed(this.#fields[name] ?? this.#criteria);
  }

  #typed(field) {
    this.#draft?.touch();
    if (this.#judged.has(field.name)) this.#judge();
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

  #suggest() {
    const title = this.#fields.taskTitle.value.trim();
    if (!this.#touched.prTitle) {
      this.#fields.prTitle.value = title && `${kindOf(title)}: ${title}`;
    }
    if (!this.#touched.branchName) {
      const name = title.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase()
        .replace(/[^a-z0-9]+/g, "-").slice(0, 48).replace(/^-+|-+$/g, "");
      this.#fields.branchName.value = name && `${kindOf(title) === "fix" ? "fix" : "feature"}/${name}`;
    }
  }

  /** Shows a preview of the addition. Its stamp starts with the current time and is unique. */
  #showBranch() {
    const name = this.#fields.branchName.value || "name";
    this.#fields.branchName.setHint("Will be ",
      h("code", {}, h("bdi", { text: name }), h("span.stamp", { text: `-${String(Date.now()).slice(0, 6)}…` })),
      ", with a time that makes it new.");
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
    if (kept.baseBranch) body.baseBranch = kept.baseBranch;
    if (kept.draft) body.draft = true;
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
      } else if (!byField.has(name)) byField.set(name, sentence(message));
    }
    for (const field of Object.values(this.#fields)) {
      field.show(this.#judged.has(field.name) ? byField.get(field.name) ?? null : null);
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
    for (const name of Object.keys(this.#fields)) this.#judged.add(name);
    this.#judged.add("acceptanceCriteria");
    const count = this.#judge();
    if (count > 0) {
      this.#tell(countWords(count));
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
    this.#draft.clear();
    this.#receipt = new Receipt(this.#feed, answer, () => this.#again());
    put(this.node, this.#receipt.node);
    this.#receipt.focus();
  }

  #again() {
    this.#receipt.close();
    this.#receipt = null;
    put(this.node, h("header.page-head", {},
      h("h1", { id: "delegate-title", tabindex: -1, text: "Generate Code & PR" })), this.#form);
    this.#clear(false);
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
      this.#tell(count > 0 ? countWords(count) : "It was not taken. Try once more.");
      if (ours.some(({ field }) => ["agent", "baseBranch", "priority"].includes(field))) {
        this.#more.open = true;
      }
      this.#focusFault();
      return;
    }
    if (typeof body.id === "string") {
      this.#draft.forgetKey();
      this.#tell(`${problem.message} `, problem.hint ? `${problem.hint} ` : "",
        h("a", { href: `#/delegations/${body.id}`, text: "What happened" }));
      return;
    }
    const later = problem.retryAfter ? ` Try again in ${Math.ceil(problem.retryAfter / 1000)} s.` : "";
    this.#tell(status === 0
      ? "The server does not answer. What you typed is kept; trying again makes one pull request, "
        + "not two."
      : `${problem.message}${problem.hint ? ` ${problem.hint}` : ""}${later} What you typed is kept.`);
  }

  #tell(...children) {
    put(this.#result, children.length ? h("p", {}, children) : null);
  }

  #focusFault() {
    const order = ["repository", "taskTitle", "objective", "branchName", "prTitle", "constraints"];
    const first = order.map((name) => this.#fields[name]).find((field) => field.fault)
      ?? (this.#criteria.fault ? this.#criteria : null)
      ?? Object.values(this.#fields).find((field) => field.fault);
    first?.focus();
  }
}

const PRIORITIES = { 9: "9, the most urgent", 5: "5, as usual", 0: "0, the least" };

function countWords(count) {
  return count === 1 ? "One field is to be mended; nothing was sent."
    : `${count} fields are to be mended; nothing was sent.`;
}

/** The kind of change in a title, as commit messages name it. */
function kindOf(title) {
  const word = title.split(/\s/)[0].toLowerCase();
  if (["fix", "repair", "correct", "mend"].includes(word)) return "fix";
  if (["document", "describe"].includes(word)) return "docs";
  return word === "refactor" ? "refactor" : "feat";
}
