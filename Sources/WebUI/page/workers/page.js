// The workers: their work and since when, whether they are alive, and the operator's commands.

import { Problem, delegationRoute, json, post } from "../shared/api.js";
import { announce, confirm, h, put, setAttribute, setText, words } from "../shared/dom.js";
import { Badge } from "../shared/marks.js";
import { Later, age, everySecond, fully, moment, span } from "../shared/time.js";
import { WORKER_MEANING } from "../shared/words.js";

/** Heartbeats are not events: they are read at intervals. */
const READ_EVERY_MS = 5000;

/** Events within this time cause one read. */
const READ_AFTER_MS = 100;

export function open({ feed }) {
  return new WorkersPage(feed);
}

class WorkersPage {
  title = "Workers";

  #cards = new Map();
  #titles = new Map();
  #ends;
  #stop = new AbortController();
  #timer = new Later(() => this.#read(), READ_EVERY_MS);
  #reading = false;
  #again = false;

  #count = h("span.count");
  #list = h("ul.workers", { "aria-label": "Workers" });
  #message = h("div.list-message", { role: "status" });

  constructor(feed) {
    this.node = h("section.page", { "aria-busy": "true" },
      h("div.toolbar", {}, h("h1", { tabindex: -1, text: "Workers" }), this.#count),
      this.#list, this.#message);
    this.#ends = [
      feed.follow((events) => {
        if (events.some(concerns)) this.#timer.in(READ_AFTER_MS);
      }),
      feed.onReset(() => this.#read()),
      everySecond((now) => { for (const card of this.#cards.values()) card.tick(now); }),
    ];
    this.#read();
  }

  close() {
    this.#stop.abort();
    this.#timer.stop();
    for (const end of this.#ends) end();
  }

  async #read() {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    const { signal } = this.#stop;
    try {
      do {
        this.#again = false;
        const { items } = await json("api/workers", { signal });
        this.#show(items);
      } while (this.#again);
    } catch (error) {
      if (signal.aborted) return;
      if (this.#cards.size === 0) put(this.#message, h("p", { text: error.message }));
    } finally {
      this.#reading = false;
    }
    this.#timer.in(READ_EVERY_MS);
  }

  #show(items) {
    setAttribute(this.node, "aria-busy", null);
    const busy = items.filter((item) => item.state === "busy").length;
    setText(this.#count, items.length === 0 ? "" : `${items.length}, ${busy} at work`);
    put(this.#message, items.length > 0 ? null : [
      h("h2", { text: "No worker has joined" }),
      h("p", {}, "Start one here or on another machine: ", h("code", { text: "aipm worker --server URL" })),
    ]);
    const gone = new Set(this.#cards.keys());
    let previous = null;
    for (const item of items) {
      gone.delete(item.id);
      let card = this.#cards.get(item.id);
      if (!card) {
        card = new Card(item.id, (what, button) => this.#ask(item.id, what, button, card));
        this.#cards.set(item.id, card);
      }
      card.update(item, this.#titles.get(item.delegation));
      const place = previous ? previous.nextSibling : this.#list.firstChild;
      if (card.node !== place) this.#list.insertBefore(card.node, place);
      previous = card.node;
      if (item.delegation && !this.#titles.has(item.delegation)) this.#name(item.delegation);
    }
    for (const id of gone) {
      this.#cards.get(id).node.remove();
      this.#cards.delete(id);
    }
  }

  /** The title of a delegation, read once. */
  async #name(id) {
    this.#titles.set(id, "");
    try {
      const { taskTitle, confirmationCode } = await json(delegationRoute(id), { signal: this.#stop.signal });
      if (this.#titles.size > 200) this.#titles.clear();
      this.#titles.set(id, taskTitle ?? confirmationCode);
      this.#read();
    } catch {
      this.#titles.delete(id);
    }
  }

  async #ask(id, what, button, card) {
    const text = QUESTIONS[what];
    if (!(await confirm(`${text.title} ${id}?`, text.body(card.item), text.yes))) return;
    button.disabled = true;
    card.say("");
    try {
      await post(`api/workers/${encodeURIComponent(id)}/${what}`);
      announce(`${id}: ${text.done}`);
      card.say(text.done);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      card.say(`${error.message} ${error.hint}`.trim(), true);
    } finally {
      button.disabled = false;
      this.#read();
    }
  }
}

const QUESTIONS = {
  drain: {
    title: "Drain", yes: "Drain it", done: "It is asked to drain.",
    body: (item) => (item.delegation ? "It ends its work, takes no more, and stops."
      : "It takes no more work, and stops."),
  },
  restart: {
    title: "Restart", yes: "Restart it", done: "It is asked to restart.",
    body: (item) => (item.delegation ? "It ends its work first; nothing is lost."
      : "It restarts."),
  },
};

function concerns({ type }) {
  return type.startsWith("worker.") || ["delegation.dispatched", "delegation.generating",
    "delegation.pushed", "delegation.failed", "delegation.released"].includes(type);
}

/** One worker. */
class Card {
  item = null;
  #badge = new Badge();
  #does = h("p.worker-does");
  #doesKey = "";
  #since = h("span.muted");
  #heard = h("span");
  #facts = h("dl.facts");
  #factsKey = "";
  #said = h("p.hint", { role: "status" });
  #drain;
  #restart;

  constructor(id, ask) {
    this.#drain = h("button.small", {
      type: "button", text: "Drain", "aria-label": `Drain ${id}`, onclick: () => ask("drain", this.#drain),
    });
    this.#restart = h("button.small", {
      type: "button", text: "Restart", "aria-label": `Restart ${id}`,
      onclick: () => ask("restart", this.#restart),
    });
    const title = h("h2", {}, h("bdi", { text: id }));
    this.node = h("li.worker.panel", {},
      h("div.worker-head", {}, title, this.#badge.node, this.#since),
      this.#does, this.#facts,
      h("div.worker-end", {}, this.#said, h("div.actions", {}, this.#drain, this.#restart)));
  }

  update(item, title) {
    this.item = item;
    this.#badge.update(item.state);
    setAttribute(this.node, "data-state", item.state);
    const key = JSON.stringify([item.state, item.delegation, title, item.stalled]);
    if (key !== this.#doesKey) {
      this.#doesKey = key;
      put(this.#does, item.delegation
        ? h("a", { href: `#/delegations/${item.delegation}` }, words(title || item.delegation))
        : h("span.muted", { text: WORKER_MEANING[item.state] ?? "" }),
      item.stalled ? h("span.stalled", { text: " The agent has been silent for long." }) : null);
    }
    this.#showFacts(item);
    const isThere = ["idle", "busy", "unhealthy", "draining"].includes(item.state);
    this.#drain.hidden = !isThere || item.state === "draining";
    this.#restart.hidden = !item.local && !isThere;
    this.tick(Date.now());
  }

  tick(now) {
    if (!this.item) return;
    setText(this.#since, `for ${span(now - moment(this.item.since))}`);
    setAttribute(this.#since, "title", fully(moment(this.item.since)));
    const heard = moment(this.item.lastHeartbeatAt);
    setText(this.#heard, heard === null ? "–" : `${age(heard, now)} ago`);
    setAttribute(this.#heard, "title", fully(heard));
  }

  say(text, isFault = false) {
    setText(this.#said, text);
    setAttribute(this.#said, "data-fault", isFault ? "" : null);
  }

  #showFacts(item) {
    const found = (item.agentFindings ?? []).filter(({ state, keys }) => state === "ready" && keys);
    const key = JSON.stringify(
      [item.restarts, item.agents, item.version, item.host, item.incarnation, found]);
    if (key === this.#factsKey) return;
    this.#factsKey = key;
    const all = [
      ["Last heartbeat", this.#heard],
      ["Restarts", `${item.restarts}`],
      ["Agents", words((item.agents ?? [item.agent]).join(", ") || "–")],
      // The location of an agent's keys: outside of its sandbox, or in its environment.
      ...(found.length === 0 ? [] : [["Keys", found.map(({ name, keys }) =>
        h("div", {}, words(`${name}: ${keys}`)))]]),
      ["Version", words(item.version)],
      ["Host", [words(item.host), item.local ? h("span.muted", { text: " (this server's)" }) : null]],
      ["Starts", `${item.incarnation}`],
    ];
    put(this.#facts, all.map(([name, value]) => [h("dt", { text: name }), h("dd", {}, value)]));
  }
}
