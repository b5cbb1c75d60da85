// The form that asks for changes on a pull request: a message, and comments on lines. No typed text is
// lost if the server, the connection or the browser fails. One press asks once.

import { Problem, delegationRoute, json } from "../shared/api.js";
import { CommentBox } from "./comments.js";
import { h, put, setText } from "../shared/dom.js";
import { Draft } from "../shared/draft.js";
import { Field, sentence } from "../shared/fields.js";
import { known, remember, store } from "../shared/memory.js";

export class AskForm {
  #id;
  #comments;
  #draft;
  #sending = false;
  #stop = new AbortController();
  /** A comment's box, by comment. */
  #boxes = new Map();
  #hasChoices = false;

  /**
   * @param id the delegation whose lines are commented on
   * @param agent its agent's name
   * @param comments the comments on lines
   */
  constructor(id, agent, comments) {
    this.#id = id;
    this.#comments = comments;
    this.#build(agent);
    this.#draft = new Draft(() => this.#kept(), draftName(id));
    const kept = this.#draft.fields;
    if (kept) this.#fill(kept);
    this.node.hidden = !kept;
    comments.onChange((source) => this.#changed(source));
    this.#showComments();
    addEventListener("pagehide", this.#leave);
  }

  #leave = () => this.#draft.close();

  close() {
    this.#draft.close();
    this.#stop.abort();
    removeEventListener("pagehide", this.#leave);
  }

  get isEmpty() { return this.#kept() === null; }

  // MARK: Elements

  #message;
  #agent;
  #queue;
  #button;
  #result = h("div.form-result", { role: "alert" });
  #agents = h("datalist", { id: "ask-agents" });
  #list = h("ul.comment-list");
  #commentsPart;
  #form;

  #build(agent) {
    this.#message = new Field("message", "Message", h("textarea", { rows: 3, dir: "auto" }), {
      hint: "What is to be changed, in your own words. It may be empty if there are comments on lines.",
    });
    this.#message.control.removeAttribute("aria-required");
    this.#agent = new Field("agent", "Agent", h("input", {
      autocomplete: "off", spellcheck: "false", autocapitalize: "off", list: this.#agents.id,
    }), { hint: ["Left empty: ", h("code", { text: agent })], optional: true });
    this.#queue = h("input", { type: "checkbox", id: "field-queue", name: "queue" });
    this.#button = h("button.primary", { type: "submit", text: SUBMIT });
    this.#commentsPart = h("div.field", {}, h("h3", { text: "Comments on lines" }), this.#list);
    this.#form = h("form.ask-form", {
      novalidate: true, "aria-labelledby": "ask-title",
      onsubmit: (event) => this.#submit(event), oninput: () => this.#touch(),
      onkeydown: (event) => this.#key(event),
    },
      this.#message.node, this.#commentsPart,
      h("p.hint", { text: "To comment on a line, choose its number under Changes." }),
      this.#agent.node,
      h("div.check", {}, this.#queue, h("label", {
        for: "field-queue", text: "If another delegation is at work on the branch, wait for it",
      })),
      h("div.ask-end", {}, this.#result, h("div.actions", {},
        h("button.quiet", { type: "button", text: "Clear", onclick: () => this.#clear() }),
        h("button", { type: "button", text: "Close", onclick: () => this.#hide() }), this.#button)),
      this.#agents);
    this.node = h("section.panel.ask-part", { "aria-labelledby": "ask-title", hidden: true },
      h("h2", { id: "ask-title", text: SUBMIT }), this.#form);
  }

  /** Shows the form; @param from where the focus goes when it is closed */
  open(from) {
    this.#from = from;
    this.node.hidden = false;
    this.#choices();
    this.#message.focus();
    this.node.scrollIntoView({ block: "nearest" });
  }

  #from = null;

  #hide() {
    this.#draft.close();
    this.node.hidden = true;
    this.#from?.focus();
  }

  /** The server's agents. The form also works without them. */
  async #choices() {
    if (this.#hasChoices) return;
    this.#hasChoices = true;
    try {
      const { agents } = await json("api/choices", { signal: this.#stop.signal });
      put(this.#agents, agents.map(({ name, description, found }) => h("option", {
        value: name, label: found ? description : `${description} (no worker has it)`,
      })));
    } catch {
      // Suggestions are optional.
    }
  }

  // MARK: Fields

  /** The fields as a draft stores them; null if all are empty. */
  #kept() {
    const fields = {
      message: this.#message.value, comments: this.#comments.items, agent: this.#agent.value,
      queue: this.#queue.checked,
    };
    return fields.message || fields.comments.length > 0 || fields.agent || fields.queue ? fields : null;
  }

  /** Fills the fields, and keeps them. */
  fill(fields) {
    this.#fill(fields);
    this.#draft.save();
  }

  #fill({ message, comments, agent, queue }) {
    const text = (value) => (typeof value === "string" ? value : "");
    this.#message.value = text(message);
    this.#agent.value = text(agent);
    this.#queue.checked = queue === true;
    this.#comments.replace(comments);
  }

  /** Empties the form. The content can be restored. */
  #clear() {
    const before = structuredClone(this.#kept());
    this.#fill({});
    this.#draft.clear();
    this.#judge([]);
    this.#tell();
    if (before) {
      this.#tell(h("span.muted", { text: "Cleared. " }), h("button.quiet.small", {
        type: "button", text: "Undo",
        onclick: () => {
          this.fill(before);
          this.#tell();
          this.#message.focus();
        },
      }));
    }
    this.#message.focus();
  }

  #changed(source) {
    if (source === null) this.#showComments();
    else for (const box of this.#boxes.values()) box.update();
    // A comment that was begun on a line is part of this form.
    if (this.#comments.items.length > 0 && this.node.hidden) this.node.hidden = false;
    this.#touch();
  }

  #isListed = false;

  #touch() {
    this.#draft.touch();
    if (!this.#isListed) keepFew(this.#id);
    this.#isListed = true;
  }

  #showComments() {
    const { items } = this.#comments;
    for (const item of this.#boxes.keys()) if (!items.includes(item)) this.#boxes.delete(item);
    for (const item of items) {
      if (this.#boxes.has(item)) continue;
      this.#boxes.set(item, new CommentBox(this.#comments, item, {
        removed: () => (this.#boxes.values().next().value?.text ?? this.#message.control).focus(),
      }));
    }
    this.#commentsPart.hidden = items.length === 0;
    put(this.#list, [...this.#boxes.values()].map((box) => h("li", {}, box.node)));
    for (const box of this.#boxes.values()) box.update();
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
    const sent = this.#comments.written;
    const body = {};
    if (this.#message.value.trim() !== "" || sent.length === 0) body.message = this.#message.value;
    if (sent.length > 0) {
      body.comments = sent.map(({ path, line, body: words }) => (
        line === null ? { path, body: words } : { path, line, body: words }));
    }
    if (this.#agent.value.trim() !== "") body.agent = this.#agent.value.trim();
    if (this.#queue.checked) body.queue = true;
    this.#sending = true;
    this.#judge([]);
    this.#tell();
    setText(this.#button, "Asking…");
    this.#button.setAttribute("aria-disabled", "true");
    try {
      await this.#send(JSON.stringify(body), sent);
    } finally {
      this.#sending = false;
      setText(this.#button, SUBMIT);
      this.#button.removeAttribute("aria-disabled");
    }
  }

  async #send(body, sent) {
    const { signal } = this.#stop;
    const headers = { "Idempotency-Key": this.#draft.key(body) };
    try {
      const answer = await json(delegationRoute(this.#id, "follow-ups"),
        { method: "POST", body, headers, signal });
      this.#fill({});
      this.#draft.clear();
      location.hash = `#/delegations/${answer.id}`;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      this.#refused(error, sent);
    }
  }

  #refused(problem, sent) {
    const { status, body, errors } = problem;
    if (status === 422 && errors.length > 0) {
      const ours = errors.filter(({ field }) => field !== "Idempotency-Key");
      // Another body used this key: the next try gets a new one.
      if (ours.length < errors.length) this.#draft.forgetKey();
      const rest = this.#judge(ours, sent);
      this.#tell(ours.length === 0 ? "It was not taken. Try once more." : "Nothing was sent. ", rest.join(" "));
      this.#form.querySelector("[aria-invalid]")?.focus();
      return;
    }
    const link = typeof body.id === "string"
      ? h("a", { href: `#/delegations/${body.id}`, text: "To that delegation" }) : null;
    if (status === 409 && body.id) {
      this.#tell(`${problem.message} Wait for it, or choose to wait below the agent. `, link);
      return;
    }
    if (body.id) this.#draft.forgetKey();
    const later = problem.retryAfter ? ` Try again in ${Math.ceil(problem.retryAfter / 1000)} s.` : "";
    this.#tell(status === 0
      ? "The server does not answer. What you typed is kept; trying again asks once, not twice."
      : `${problem.message}${problem.hint ? ` ${problem.hint}` : ""}${later} What you typed is kept. `, link);
  }

  /** Shows errors at their fields; @returns the words of those that have none */
  #judge(errors, sent = []) {
    this.#message.show(null);
    this.#agent.show(null);
    for (const box of this.#boxes.values()) box.show(null);
    const rest = [];
    for (const { field, message } of errors) {
      const words = sentence(message.replace(/^[\w.[\]]+ /, ""));
      const index = /^comments\[(\d+)\]/.exec(field)?.[1];
      const box = index === undefined ? null : this.#boxes.get(sent[Number(index)]);
      if (box) box.show(words);
      else if (field === "message") this.#message.show(words);
      else if (field === "agent") this.#agent.show(words);
      else rest.push(sentence(message));
    }
    return rest;
  }

  #tell(...children) {
    put(this.#result, children.length ? h("p", {}, children) : null);
  }
}

const SUBMIT = "Ask for changes";

function draftName(id) {
  return `ask-${id}`;
}

/** Forgets the drafts that are too many. */
function keepFew(id) {
  const before = known("asks");
  remember("asks", id, true);
  const kept = new Set(known("asks"));
  for (const old of before) if (!kept.has(old)) store(draftName(old), null);
}
