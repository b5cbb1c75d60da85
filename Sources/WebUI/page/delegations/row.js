// One row of the list, and the heading of a section. Their nodes are reused for other items.

import { h, outLink, put, setAttribute, setText, words } from "../shared/dom.js";
import { Badge } from "../shared/marks.js";
import { queueWords } from "../shared/phases.js";
import { age, fully, span } from "../shared/time.js";
import { costWords, counted, outcomeWords, waitingWords } from "../shared/words.js";

export const COLUMNS = ["Status", "Task", "Agent", "Lines", "Cost", "Worked", "Age"];

export class Row {
  #task = null;
  #badge = new Badge();
  #note = h("span.note");
  #title = words("", "bdi");
  #link = h("a.row-link", {}, this.#title);
  #repository = h("bdi.repository");
  #pull = h("span.pull");
  #round = h("bdi.round-note");
  #code = h("span.code");
  #agent = words("");
  #added = h("span.added");
  #removed = h("span.removed");
  #cost = h("span");
  #worked = h("span");
  #age = h("time", { onpointerenter: () => setAttribute(this.#age, "title", fully(this.#task.requestedAt)) });
  #pullKey = "";

  /** @param selected called with the task and the event when its box is used */
  constructor(selected) {
    this.check = h("input", { type: "checkbox", onclick: (event) => selected(this.#task, event) });
    this.node = h("div.row", { role: "row" },
      h("div.check-cell", { role: "cell" }, h("label", {}, this.check)),
      h("div.c0", { role: "cell" }, this.#badge.node, this.#note),
      h("div.c1", { role: "cell" }, this.#link,
        h("span.sub", {}, this.#repository, this.#pull, this.#round, this.#code)),
      h("div.c2", { role: "cell" }, this.#agent),
      h("div.c3", { role: "cell" }, this.#added, this.#removed),
      h("div.c4", { role: "cell" }, this.#cost),
      h("div.c5", { role: "cell" }, this.#worked),
      h("div.c6", { role: "cell" }, this.#age));
    this.node.row = this;
  }

  get task() { return this.#task; }

  focus() {
    this.#link.focus({ preventScroll: true });
  }

  /**
   * @param queue its place in the queue; null without one
   * @param isSelected whether its box is checked
   */
  fill(task, index, queue, isSelected, now) {
    this.#task = task;
    setAttribute(this.node, "aria-rowindex", index + 2);
    this.#badge.update(task.phase);
    setText(this.#note, noteOf(task, queue, now));
    setText(this.#title, task.title);
    setAttribute(this.#link, "href", `#/delegations/${task.id}`);
    setText(this.#repository, task.repository);
    this.#showPull(task.pull);
    setText(this.#round, task.rounds > 1 ? `Round ${task.rounds}: ${task.newestTitle}` : "");
    setText(this.#code, task.code);
    setText(this.#agent, task.agent);
    const hasLines = task.added + task.removed > 0;
    setText(this.#added, hasLines ? `+${counted(task.added)}` : "");
    setText(this.#removed, hasLines ? `−${counted(task.removed)}` : "");
    setText(this.#cost, costWords(task));
    setAttribute(this.#cost, "title", task.cost !== null && task.withoutCost > 0
      ? `${task.withoutCost} of its attempts did not report their cost` : null);
    const worked = task.worked + (task.workingSince === null ? 0 : Math.max(0, now - task.workingSince));
    setText(this.#worked, worked > 0 ? span(worked) : "");
    setText(this.#age, age(task.requestedAt, now));
    if (this.check.checked !== isSelected) this.check.checked = isSelected;
    setAttribute(this.check, "aria-label", `Select ${task.title}`);
    setAttribute(this.node, "data-selected", isSelected ? "" : null);
  }

  #showPull(pull) {
    const key = pull ? `${pull.html_url} ${pull.state}` : "";
    if (key === this.#pullKey) return;
    this.#pullKey = key;
    put(this.#pull, pull ? [outLink(pull.html_url, `#${pull.number}`), ` ${pull.state ?? "open"}`] : null);
  }
}

/** What a task may wait for beside the forge. */
const NOT_THE_FORGE = new Set(["local", "conflict"]);

/** What stands beside the phase. */
function noteOf(task, queue, now) {
  if (task.quarantine) return "in quarantine";
  if (task.phase === "failed") return outcomeWords(task.failure);
  if (task.phase !== "queued" && task.phase !== "working") return "";
  if (task.cancelRequested) return "being cancelled";
  if (task.waiting?.code === "agent-limited") return waitingWords(task);
  if (task.waiting) return NOT_THE_FORGE.has(task.waiting.code) ? "waits to be tried again" : "waits for the forge";
  if (task.phase === "queued") return queueWords(queue, now) || (task.state === "PRCreated" ? "" : "being opened");
  return task.attempt > 1 ? `attempt ${task.attempt}` : "";
}

/** The heading of a section, with a box that selects its rows and a link to all of them. */
export class Head {
  #title = h("h2");
  #count = h("span.count");
  #all = h("a");

  constructor(selected) {
    this.check = h("input", { type: "checkbox", onclick: () => selected(this.section, this.check.checked) });
    this.node = h("div.section-head", { role: "row" },
      h("div.check-cell", { role: "cell" }, h("label", {}, this.check)),
      h("div.section-title", { role: "cell" }, this.#title, this.#count, this.#all));
    this.node.head = this;
  }

  /** @param address where the whole section stands; null if this is all of it */
  fill({ section, title, count, address, isSelected }, index) {
    this.section = section;
    setAttribute(this.node, "aria-rowindex", index + 2);
    setAttribute(this.node, "data-need", section.name);
    setText(this.#title, title);
    setText(this.#count, count);
    this.#all.hidden = address === null;
    if (address !== null) setAttribute(this.#all, "href", address);
    setText(this.#all, `Show all ${count}`);
    this.check.hidden = section.rows.length === 0;
    if (this.check.checked !== isSelected) this.check.checked = isSelected;
    setAttribute(this.check, "aria-label", `Select all that are shown of ${title}`);
  }
}
