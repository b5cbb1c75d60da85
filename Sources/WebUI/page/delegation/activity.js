// An agent's structured messages: its plan, tool calls and usage. They are untrusted and shown as
// text.

import { h, put, setText, words } from "../shared/dom.js";
import { size } from "../shared/time.js";
import { networkWords, refusalWords } from "../shared/words.js";

/** The most listed tool calls; the newest are shown. */
const TOOLS_MAX = 200;

const MARKS = {
  pending: ["○", "not begun"], in_progress: ["◐", "under way"],
  completed: ["✓", "done"], failed: ["✕", "failed"],
  allowed: ["✓", "allowed"], refused: ["✕", "refused"],
};

export class Activity {
  #plan = h("ol.plan");
  #planPart = h("section.plan-part", { hidden: true, "aria-label": "Plan" }, h("h3", { text: "Plan" }), this.#plan);
  #tools = h("ol.tools");
  #count = h("span.muted");
  #toolPart = h("details.tool-part", { hidden: true },
    h("summary", {}, "Tool calls ", this.#count), this.#tools);
  #used = h("p.muted.used", { hidden: true });
  #hosts = h("ul.tools");
  #hostCount = h("span.muted");
  #hostPart = h("details.host-part", { hidden: true },
    h("summary", {}, "Network ", this.#hostCount), this.#hosts);
  #byID = new Map();
  #isOver = false;

  constructor() {
    this.node = h("div.activity", {}, this.#planPart, this.#toolPart, this.#hostPart, this.#used);
  }

  clear() {
    this.#byID.clear();
    this.#isOver = false;
    put(this.#plan);
    put(this.#tools);
    put(this.#hosts);
    setText(this.#used, "");
    for (const part of [this.#planPart, this.#toolPart, this.#hostPart, this.#used]) part.hidden = true;
  }

  /** Adds a record of the output. */
  add({ plan, tool, usage, network }) {
    if (Array.isArray(plan)) this.#showPlan(plan);
    if (tool) this.#showTool(tool);
    if (Array.isArray(network?.hosts)) this.#showHosts(network);
    if (usage?.words) {
      setText(this.#used, `Used so far: ${usage.words}`);
      this.#used.hidden = false;
    }
  }

  /** Ends the list: unfinished entries stay unfinished. */
  end() {
    this.#isOver = true;
    for (const item of this.#tools.children) {
      if (item.dataset.status === "pending" || item.dataset.status === "in_progress") {
        put(item.firstElementChild, "–");
        item.firstElementChild.setAttribute("aria-label", "not ended");
      }
    }
    setText(this.#used, this.#used.textContent.replace("Used so far", "Used"));
  }

  #showPlan(plan) {
    this.#planPart.hidden = plan.length === 0;
    put(this.#plan, plan.map(({ content, status }) => h("li", { "data-status": status }, mark(status), words(content))));
  }

  /** Refused hosts first; each with its verdict and its bytes in both directions. */
  #showHosts({ hosts, connectionsBeyond }) {
    this.#hostPart.hidden = hosts.length === 0;
    const names = (some) => new Set(some.map(({ host }) => host)).size;
    const refused = hosts.filter(({ refusal }) => refusal);
    const reached = hosts.filter(({ refusal }) => !refusal);
    setText(this.#hostCount, networkWords({ reached: names(reached), refused: names(refused) }));
    put(this.#hosts, [...refused, ...reached].map(({ host, port, refusal, connections, bytesUp, bytesDown }) =>
      h("li", { "data-verdict": refusal ? "refused" : "allowed" }, mark(refusal ? "refused" : "allowed"),
        h("code.break", { text: `${host}:${port}` }),
        h("span.muted", { text: ` ${refusal ? `${refusalWords(refusal)}, ` : ""}${connections}×, `
          + `${size(bytesUp)} sent, ${size(bytesDown)} received` }))),
    connectionsBeyond > 0 ? h("li.muted", { text: `${connectionsBeyond} connections to more hosts` }) : null);
  }

  #showTool({ id, title, kind, status, paths = [] }) {
    this.#toolPart.hidden = false;
    let item = this.#byID.get(id);
    if (!item) {
      item = h("li");
      this.#byID.set(id, item);
      this.#tools.append(item);
      if (this.#tools.childElementCount > TOOLS_MAX) this.#tools.firstElementChild.remove();
    }
    item.dataset.status = status;
    put(item, mark(status), words(title), " ", h("span.muted", { text: kind }),
      paths.length > 0 ? h("code.break", { text: ` ${paths.join(", ")}` }) : null);
    setText(this.#count, `${this.#byID.size}`);
  }
}

function mark(status) {
  const [sign, meaning] = MARKS[status] ?? ["·", String(status)];
  return h("span.activity-mark", { role: "img", "aria-label": meaning, text: sign });
}
