// An agent's steps: what it said, its tool calls with their results, folded, and the lines between them.

import { callWords, stepsOf } from "./agents.js";
import { h, put, setAttribute, words } from "../shared/dom.js";
import { nodeOf } from "./lines.js";
import { Terminal } from "../shared/terminal.js";

/** The most steps; the newest are shown. */
const STEPS_MAX = 3000;

const EARLY_MAX = 500;

/** The longest shown text, in characters. */
const TEXT_MAX = 30_000;

/** A longer line is no step, in characters. */
const LINE_MAX = 4_000_000;

const MARKS = { pending: ["○", "not begun"], in_progress: ["◐", "under way"], completed: ["✓", "done"], failed: ["✕", "failed"] };

export class StepList {
  node = h("ol.steps", { hidden: true });
  /** Whether an agent's format was found. */
  isFound = false;

  #rest = "";
  #line = 1;
  /** Lines before the first step: an output without steps needs no nodes here. */
  #early = [];
  #calls = new Map();
  #plans = new Map();
  #last = null;

  /** Takes a piece of the output. */
  add(piece) {
    const all = this.#rest + piece;
    let from = 0;
    for (let end = all.indexOf("\n"); end >= 0; end = all.indexOf("\n", from)) {
      this.#take(all.slice(from, end).replace(/\r$/, ""));
      this.#line += 1;
      from = end + 1;
    }
    this.#rest = all.slice(from);
    if (this.#rest.length > LINE_MAX) this.#rest = this.#rest.slice(0, LINE_MAX);
  }

  /** Ends the text: what is under way stays so. */
  end() {
    if (this.#rest !== "") this.#take(this.#rest);
    this.#rest = "";
    for (const call of this.#calls.values()) if (call.status === "in_progress") this.#mark(call, "–", "not ended");
  }

  #take(line) {
    const steps = line.length < LINE_MAX ? stepsOf(line.trim()) : null;
    if (steps === null) {
      if (this.isFound) this.#plain(line);
      else if (this.#early.push([this.#line, line]) > EARLY_MAX) this.#early.shift();
      return;
    }
    if (!this.isFound) {
      this.isFound = true;
      const now = this.#line;
      for (const [number, early] of this.#early) {
        this.#line = number;
        this.#plain(early);
      }
      this.#early = [];
      this.#line = now;
    }
    for (const step of steps) this.#show(step);
    this.#last?.setAttribute("data-to", this.#line);
  }

  #show(step) {
    switch (step.kind) {
      case "tool": return this.#tool(step);
      case "plan": return this.#plan(step);
      case "said":
        if (step.goesOn && this.#last?.dataset.kind === "said") {
          this.#last.append(...runs(step.text));
          return null;
        }
        return this.#put("said", runs(step.text));
      case "thought": case "other": return this.#put(step.kind, h("details", {}, h("summary", { text: step.title }), long(step.text)));
      case "end": return this.#put(step.isBad ? "fault" : "end", runs(step.text));
      default: return this.#put(step.kind, runs(step.text));
    }
  }

  #put(kind, ...children) {
    const node = h("li.agent-step", { "data-kind": kind, "data-from": this.#line, "data-to": this.#line }, children);
    this.node.append(node);
    if (this.node.childElementCount > STEPS_MAX) this.node.firstElementChild.remove();
    this.#last = node;
    return node;
  }

  /** Lines that are no step, such as warnings, stand together. */
  #plain(line) {
    if (line === "" && this.#last?.dataset.kind !== "plain") return;
    if (this.#last?.dataset.kind === "plain" && this.#last.textContent.length < TEXT_MAX) {
      this.#last.firstChild.append("\n", ...runs(line));
      this.#last.setAttribute("data-to", this.#line);
    } else this.#put("plain", h("div", {}, runs(line)));
  }

  #tool({ id, name, input, result, status }) {
    let call = id === "" ? undefined : this.#calls.get(id);
    if (!call) {
      call = { mark: h("span.activity-mark", { role: "img" }), title: h("span"), input: h("div"), result: h("div"), status: "" };
      const node = this.#put("tool", h("details", {}, h("summary", {}, call.mark, call.title), call.input, call.result));
      call.node = node;
      if (id !== "") this.#calls.set(id, call);
    } else if (call.node.isConnected) {
      setAttribute(call.node, "data-to", this.#line);
      this.#last = null;
    }
    if (name !== undefined || input !== undefined) {
      const about = callWords(input);
      put(call.title, h("strong", {}, words(typeof name === "string" ? name : "Tool")), about ? [" ", words(about, "code")] : null);
      const whole = typeof input === "string" ? input : input === undefined ? "" : JSON.stringify(input, null, 2);
      put(call.input, whole ? long(whole) : null);
    } else if (!call.title.firstChild) put(call.title, h("strong", { text: "Result" }));
    if (result) put(call.result, h("p.hint", { text: "Result" }), long(result));
    call.status = status;
    this.#mark(call, ...(MARKS[status] ?? ["·", "unknown"]));
    setAttribute(call.node, "data-failed", status === "failed");
  }

  #mark({ mark }, sign, meaning) {
    put(mark, sign);
    setAttribute(mark, "aria-label", meaning);
  }

  #plan({ id, items }) {
    let node = this.#plans.get(id);
    if (!node?.isConnected) {
      node = this.#put("plan", h("p.hint", { text: "Plan" }), h("ol"));
      this.#plans.set(id, node);
    }
    put(node.lastChild, items.map(({ content, status }) => h("li", {},
      h("span.activity-mark", { role: "img", "aria-label": MARKS[status][1], text: MARKS[status][0] }), words(content))));
  }

  /** The step that a line of the output is part of; null if it is none. */
  line(number) {
    let found = null;
    for (const node of this.node.children) {
      if (Number(node.dataset.from) > number) break;
      if (Number(node.dataset.to) >= number) found = node;
    }
    return found;
  }

  /** The first step that failed. */
  get firstFailed() { return this.node.querySelector("[data-failed], [data-kind='fault']"); }
}

/** A text with its terminal colours. */
function runs(text) {
  const terminal = new Terminal();
  const cut = text.slice(0, TEXT_MAX);
  const all = [...terminal.add(cut), ...terminal.end()].map(nodeOf);
  if (text.length > TEXT_MAX) all.push(h("span.hint", { text: ` … ${text.length - TEXT_MAX} more characters are in the raw output` }));
  return all;
}

function long(text) {
  return h("pre", { tabindex: 0, role: "group", "aria-label": "Its text" }, runs(text));
}
