// Several tasks at once: which are selected, and what can be done with them.

import { Problem, delegationRoute, post } from "../shared/api.js";
import { announce, confirm, h, put, setText } from "../shared/dom.js";

/** Requests at once. */
const AT_ONCE = 4;

const CAN = {
  cancel: (task) => (task.phase === "queued" || task.phase === "working") && !task.cancelRequested,
  retry: (task) => task.state === "Failed",
};

export class Selection {
  #tasks = new Map();
  #last = null;
  #changed;
  #isBusy = false;
  #said = h("p.bulk-said", { role: "status" });
  #count = h("strong");
  #cancel = h("button.small", { type: "button", onclick: () => this.#askCancel() });
  #retry = h("button.small", { type: "button", onclick: () => this.#run("retry") });
  #clear = h("button.quiet.small", { type: "button", text: "Clear", onclick: () => this.clear() });

  /** @param changed called after each change, to draw the boxes again */
  constructor(changed) {
    this.#changed = changed;
    this.node = h("div.bulk", { role: "region", "aria-label": "Selected tasks", hidden: true },
      this.#count, this.#cancel, this.#retry, this.#clear, this.#said);
  }

  has(task) { return this.#tasks.has(task.first); }

  /** @param rows the shown rows in their order; with Shift, all from the last one are selected */
  toggle(task, rows, isRange = false) {
    const isOn = !this.has(task);
    const [a, b] = [rows.indexOf(this.#last), rows.indexOf(task)];
    const range = isRange && a >= 0 && b >= 0 ? rows.slice(Math.min(a, b), Math.max(a, b) + 1) : [task];
    this.set(range, isOn);
    this.#last = task;
  }

  set(rows, isOn) {
    for (const row of rows) {
      if (isOn) this.#tasks.set(row.first, row);
      else this.#tasks.delete(row.first);
    }
    put(this.#said);
    this.#show();
  }

  clear() {
    this.#tasks.clear();
    put(this.#said);
    this.#show();
  }

  /** Takes the current rows of selected tasks. */
  refresh(rows) {
    if (this.#tasks.size === 0) return;
    for (const row of rows) if (this.#tasks.has(row.first)) this.#tasks.set(row.first, row);
    this.#show(false);
  }

  #able(what) {
    return [...this.#tasks.values()].filter(CAN[what]);
  }

  #show(redraw = true) {
    const { size } = this.#tasks;
    this.node.hidden = size === 0 && !this.#said.firstChild;
    setText(this.#count, size === 0 ? "" : `${size} selected`);
    setText(this.#clear, size === 0 ? "Close" : "Clear");
    for (const [what, button, name] of [["cancel", this.#cancel, "Cancel"], ["retry", this.#retry, "Retry"]]) {
      const count = this.#able(what).length;
      setText(button, `${name} ${count}`);
      button.hidden = count === 0;
      button.disabled = this.#isBusy;
    }
    if (redraw) this.#changed();
  }

  async #askCancel() {
    const count = this.#able("cancel").length;
    const yes = await confirm(count === 1 ? "Cancel this task?" : `Cancel ${count} tasks?`,
      count === 1 ? "An agent that runs is ended. The branch and the pull request stay as they are."
        : "Agents that run are ended. The branches and the pull requests stay as they are.",
      count === 1 ? "Cancel it" : "Cancel them");
    if (yes) await this.#run("cancel");
  }

  async #run(what) {
    const tasks = this.#able(what);
    if (tasks.length === 0 || this.#isBusy) return;
    this.#isBusy = true;
    this.#show(false);
    const faults = new Map();
    const rest = [...tasks];
    const work = async () => {
      for (let task = rest.shift(); task; task = rest.shift()) {
        try {
          await post(delegationRoute(task.id, what));
        } catch (error) {
          if (!(error instanceof Problem)) throw error;
          faults.set(task, error.message);
        }
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    } finally {
      this.#isBusy = false;
    }
    const done = tasks.length - faults.size;
    const verb = what === "cancel" ? "cancelled" : "retried";
    const said = `${done} of ${tasks.length} ${verb}.`;
    const [first] = faults.entries();
    for (const task of tasks) if (!faults.has(task)) this.#tasks.delete(task.first);
    put(this.#said, said, first ? h("span.fault", { text: ` ${first[0].title}: ${first[1]}` }) : null);
    announce(said);
    this.#show();
  }
}
