// The audit: a query, its events, and whether the log is intact.

import { Problem, json } from "../shared/api.js";
import { announce, h, put, setAttribute, setText, words } from "../shared/dom.js";
import { delegationOf, envelopeNode } from "../shared/envelopes.js";
import { longDay, moment } from "../shared/time.js";
import { FORMATS, readAll, save } from "./export.js";

const PAGE = 100;

/** The parts of a query, in the query language. */
const TERMS = [
  ["repo:owner/name", "events of one repository"],
  ["pr:123  code:PR1733356800123  id:ID", "of one pull request or delegation"],
  ["branch:name  sha:3f2a9c1", "that speak of a branch or a commit"],
  ["type:delegation.failed", "of one type"],
  ["actor:name  worker:name  agent:name", "by or about somebody"],
  ["since:24h  until:2026-01-31", "by time; a span, a day or a moment"],
  ["position:100..200", "by place in the log; also >, <"],
  ["refused:pypi.org", "of attempts that were refused a host"],
  ["state:Failed  age:>10m  stuck:yes", "by how their delegation stands now"],
  ["\"any words\"", "in their text"],
  ["-term", "what is not to hold"],
];

const EXAMPLES = ["state:Failed since:24h", "type:delegation.step-failed", "state:Generating age:>10m",
  "actor:local -type:delegation.requested"];

export function open({ query }) {
  return new AuditPage(query);
}

class AuditPage {
  title = "Audit";
  keys = { "/": { does: "Ask", run: () => this.#input.select() } };

  #cursor = null;
  #asked = null;
  #count = 0;
  /** Of the last event. */
  #day = null;
  #stop = new AbortController();

  #input;
  #list = h("div.envelopes.audit-list", { "aria-label": "Events", role: "group" });
  #note = h("span.hint", { role: "status" });
  #verified = h("span.badge.verified");
  #faults = h("div");
  #again = null;
  #exports;
  #exporting = null;
  #more = h("button", { type: "button", text: "Older events", hidden: true, onclick: () => this.#read() });
  #message = h("div.list-message", { role: "status" });
  #help;
  #helpButton;

  constructor(query) {
    this.#input = h("input", {
      type: "search", value: query.get("q") ?? "", placeholder: "repo:owner/name state:Failed since:24h",
      "aria-label": "Question to the log", "aria-keyshortcuts": "/", "aria-describedby": "audit-note",
      autocomplete: "off", autocapitalize: "off", spellcheck: "false", "data-first": true,
    });
    setAttribute(this.#note, "id", "audit-note");
    this.#help = h("div.panel", { id: "audit-help", hidden: true },
      h("dl.help-terms", {}, TERMS.map(([term, text]) => [h("dt", {}, h("code", { text: term })), h("dd", { text })])));
    this.#helpButton = h("button", {
      type: "button", text: "Help", "aria-expanded": "false", "aria-controls": "audit-help",
      onclick: () => this.#toggleHelp(),
    });
    this.#exports = h("div.actions", { role: "group", "aria-label": "Export", hidden: true },
      h("span.hint", { "aria-hidden": "true", text: "Export" }), Object.keys(FORMATS).map((format) => h("button.small", {
        type: "button", text: format.toUpperCase(), "aria-label": `Export as ${format}`,
        title: "All events that answer the question", onclick: () => this.#export(format),
      })));
    this.node = h("section.page", {},
      h("div.toolbar", { role: "group", "aria-label": "The log" },
        h("h1", { tabindex: -1, text: "Audit" }), this.#verified),
      h("form.audit-form", { role: "search", onsubmit: (event) => this.#submit(event) },
        this.#input, this.#helpButton, h("button.primary", { text: "Ask" })),
      this.#help, this.#faults,
      h("div.examples", { role: "group", "aria-label": "Examples" }, EXAMPLES.map((text) => h("button.small", {
        type: "button", text, onclick: () => { this.#input.value = text; this.#ask(); },
      }))),
      h("div.audit-bar", {}, this.#note, this.#exports),
      this.#list, this.#message, h("div.page-end", {}, this.#more));
    this.#ask();
  }

  close() {
    clearTimeout(this.#again);
    this.#stop.abort();
    this.#exporting?.abort();
  }

  #toggleHelp() {
    this.#help.hidden = !this.#help.hidden;
    setAttribute(this.#helpButton, "aria-expanded", String(!this.#help.hidden));
  }

  #submit(event) {
    event.preventDefault();
    this.#ask();
  }

  #ask() {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#asked = this.#input.value.trim();
    this.#cursor = null;
    this.#count = 0;
    const text = new URLSearchParams(this.#asked ? { q: this.#asked } : {}).toString();
    history.replaceState(null, "", `#/audit${text && "?"}${text}`);
    clearTimeout(this.#again);
    this.#exporting?.abort();
    this.#read(true);
    this.#verify();
  }

  async #read(fresh = false) {
    const { signal } = this.#stop;
    this.#more.disabled = true;
    setText(this.#note, "Reading the log…");
    try {
      const found = await json("api/audit", {
        query: { q: this.#asked, limit: PAGE, cursor: this.#cursor }, signal, limit: 120_000,
      });
      if (fresh) {
        this.#day = null;
        put(this.#list);
      }
      this.#show(found);
    } catch (error) {
      if (signal.aborted) return;
      this.#explain(error, fresh);
    } finally {
      this.#more.disabled = false;
    }
  }

  #show(found) {
    const items = found.items ?? [];
    setAttribute(this.#input, "aria-invalid", null);
    setAttribute(this.#note, "data-fault", null);
    const from = this.#list.childElementCount;
    const about = new Map((found.delegations ?? []).map((each) => [each.id, each]));
    for (const event of items) this.#append(event, about);
    this.#count += items.length;
    this.#cursor = found.next ?? null;
    this.#more.hidden = this.#cursor === null;
    put(this.#message, this.#count === 0 ? h("p", { text: "No event is like that." }) : null);
    this.#tellCount();
    this.#exports.hidden = this.#count === 0;
    if (from > 0 && items.length > 0) {
      [...this.#list.children].slice(from).find((node) => node.matches(".envelope")).querySelector("summary").focus();
    }
  }

  /** An event, below the heading of its day. */
  #append(event, about) {
    const day = longDay(moment(event.time));
    if (day !== this.#day) {
      this.#day = day;
      this.#list.append(h("h2.envelope-day", { text: day }));
    }
    const id = delegationOf(event);
    this.#list.append(envelopeNode(event, id ? about.get(id) ?? { id } : {}));
  }

  #tellCount() {
    setText(this.#note, this.#count === 0 ? "" : this.#cursor === null
      ? `${this.#count} ${this.#count === 1 ? "event" : "events"}, the newest first`
      : `The newest ${this.#count} events`);
  }

  /** The server hashes the whole log again. The progress of a long check is shown. */
  async #verify() {
    const { signal } = this.#stop;
    try {
      const { state, checkedTo, head, faults } = await json("api/verification", { signal });
      const kind = { whole: "good", broken: "bad", checking: "calm" }[state];
      setAttribute(this.#verified, "data-kind", kind);
      setAttribute(this.#verified, "title", `Position ${head.position}: ${head.hash}`);
      const said = state === "whole" ? "✓ Verified, head"
        : state === "broken" ? "✕ Not verified" : `Verifying, ${part(checkedTo, head.position)}`;
      put(this.#verified, said, state === "whole" ? h("code", { text: head.hash.slice(0, 12) }) : null);
      put(this.#faults, state === "broken" ? h("div.next", { "data-kind": "bad", role: "alert" },
        faults.map((text) => h("p", {}, words(text))),
        h("p.muted", { text: "aipm verify says more. Nothing that the log says from there on is proven." }))
        : null);
      if (state === "checking") this.#again = setTimeout(() => this.#verify(), 1000);
    } catch {
      // The events can still be read; the mark is removed.
      if (!signal.aborted) put(this.#verified);
    }
  }

  /** Downloads all results, however many are shown. A new download replaces a running one. */
  async #export(format) {
    this.#exporting?.abort();
    const stop = new AbortController();
    this.#exporting = stop;
    setText(this.#note, "Exporting…");
    try {
      const file = await readAll(this.#asked, format, stop.signal,
        (count) => setText(this.#note, `Exporting, ${count.toLocaleString()} events so far…`));
      save(file, `aipm-audit.${format}`);
      this.#tellCount();
      announce("The export is done");
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      setText(this.#note, `The export was cut off: ${error.message} ${error.hint}`.trim());
    }
  }

  #explain(error, fresh) {
    if (!(error instanceof Problem)) throw error;
    const isQuery = error.status === 422 || error.status === 400;
    const text = isQuery && error.errors.length > 0 ? error.errors.map(({ message }) => message).join("; ")
      : error.message;
    setAttribute(this.#input, "aria-invalid", isQuery ? "true" : null);
    setAttribute(this.#note, "data-fault", isQuery ? "" : null);
    setText(this.#note, isQuery ? `${text} ${error.hint}`.trim() : "");
    if (isQuery) {
      this.#input.focus();
      return;
    }
    if (!fresh) {
      put(this.#message, h("p", { text: `${text} ${error.hint}`.trim() }));
      return;
    }
    put(this.#list);
    this.#exports.hidden = true;
    this.#more.hidden = true;
    put(this.#message, error.status === 404 ? [
      h("h2", { text: "This server has no audit yet" }),
      h("p", { text: "Its log can be read as it is: each delegation shows its events, and "
        + "GET /api/events gives all of them." }),
    ] : [h("p", { text: `${text} ${error.hint}`.trim() }),
      h("button", { type: "button", text: "Try again", onclick: () => this.#ask() })]);
  }
}

function part(done, all) {
  return `${Math.floor((100 * done) / Math.max(all, 1))} %`;
}
