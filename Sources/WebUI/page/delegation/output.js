// The live output of an agent. It scrolls with new output until the user scrolls up. It keeps as much
// as a page can show; the whole output can be downloaded.

import { Activity } from "./activity.js";
import { address, delegationRoute, Problem } from "../shared/api.js";
import { h, put, setAttribute, setText } from "../shared/dom.js";
import { readStream } from "../shared/stream.js";
import { Terminal, visible } from "../shared/terminal.js";

/** A part of the output that is rendered only while it is visible. */
const BLOCK_CHARS = 16_000;

/** The kept output, in characters. */
const KEPT_MAX = 3_000_000;

const DELAYS_MS = [250, 1000, 2000, 4000];

/** The time after which a hidden page closes its connection. */
const HIDDEN_MAX_MS = 20_000;

export class OutputView {
  #ref;
  #attempt = 0;
  #newest = 0;
  #active = false;
  #isOver = false;
  #following = true;
  #dropped = 0;

  #stop = null;
  #timer = null;
  #tries = 0;
  #lastID = null;
  #ids = 0;

  #terminal = new Terminal();
  #pending = [];
  #frame = 0;
  #kept = 0;
  #block = null;
  #tail = h("span");
  #any = false;

  #select = h("select", { "aria-label": "Attempt", onchange: () => this.#choose() });
  #note = h("span.hint", { role: "status" });
  #text = h("div.output-text");
  #scroller = h("div.output", {
    tabindex: 0, role: "log", "aria-live": "off", onscroll: () => this.#scrolled(),
  }, this.#text);
  #follow = h("button.small.fresh.below", {
    type: "button", hidden: true, text: "Follow", onclick: () => this.follow(),
  });
  #times = h("input", { type: "checkbox", onchange: () => this.#begin(this.#attempt, true) });
  #activity = new Activity();
  #download = h("a.button.small", { text: "Download", target: "_blank", rel: "noopener" });
  #observer = new ResizeObserver(() => this.#keepEnd());

  constructor(ref) {
    this.#ref = ref;
    this.node = h("div.output-view", {},
      h("div.view-bar", {}, h("span.attempt-choice", {}, this.#select), this.#note,
        h("label.times", {}, this.#times, "Times"), this.#download),
      this.#activity.node,
      h("div.output-frame", {}, this.#scroller, this.#follow));
    this.#observer.observe(this.#text);
    this.#observer.observe(this.#scroller);
    document.addEventListener("visibilitychange", this.#visibility);
    this.#begin(1);
  }

  close() {
    this.#halt();
    this.#observer.disconnect();
    cancelAnimationFrame(this.#frame);
    document.removeEventListener("visibilitychange", this.#visibility);
  }

  /** Scrolls to the end and follows again. */
  follow() {
    this.#following = true;
    this.#follow.hidden = true;
    this.#keepEnd();
  }

  /** Reads only while the page is visible. */
  setActive(active) {
    this.#active = active;
    if (active) this.#resume();
    else this.#halt();
  }

  /**
   * Sets the delegation's progress.
   * @param attempt the newest; 0 before the first
   * @param isLive whether more output may come
   */
  update(attempt, isLive) {
    const newest = Math.max(attempt, 1);
    if (newest !== this.#newest) {
      const wasNewest = this.#newest === 0 || this.#attempt === this.#newest;
      this.#newest = newest;
      put(this.#select, Array.from({ length: newest }, (_, i) => h("option", {
        value: i + 1, text: `Attempt ${i + 1}`,
      })));
      this.#select.hidden = newest === 1;
      if (wasNewest) this.#begin(newest);
      this.#select.value = String(this.#attempt);
    }
    this.isLive = isLive;
    this.#explain();
  }

  #choose() {
    this.#begin(Number(this.#select.value));
  }

  #begin(attempt, isAnew = false) {
    if (attempt === this.#attempt && !isAnew) return;
    this.#halt();
    this.#activity.clear();
    this.#attempt = attempt;
    this.#terminal = new Terminal();
    this.#pending = [];
    this.#kept = 0;
    this.#dropped = 0;
    this.#block = null;
    this.#any = false;
    this.#lastID = null;
    this.#isOver = false;
    this.#following = true;
    this.#follow.hidden = true;
    put(this.#text);
    setAttribute(this.#scroller, "aria-label", `Output of attempt ${attempt}`);
    setAttribute(this.#download, "href",
      address(delegationRoute(this.#ref, "output"), { attempt }));
    setAttribute(this.#download, "aria-label", `Download the output of attempt ${attempt}`);
    this.#explain();
    this.#resume();
  }

  #visibility = () => {
    clearTimeout(this.#timer);
    if (document.hidden) this.#timer = setTimeout(() => this.#halt(), HIDDEN_MAX_MS);
    else this.#resume();
  };

  #halt() {
    clearTimeout(this.#timer);
    this.#stop?.abort();
    this.#stop = null;
  }

  async #resume() {
    if (this.#stop || !this.#active || this.#isOver || document.hidden) return;
    clearTimeout(this.#timer);
    const stop = new AbortController();
    this.#stop = stop;
    try {
      await readStream(delegationRoute(this.#ref, "output"),
        { attempt: this.#attempt, follow: 1, raw: 1, timestamps: this.#times.checked ? 1 : null }, this.#lastID, stop.signal,
        (events) => this.#receive(events), () => { this.#tries = 0; });
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
    }
    if (stop.signal.aborted) return;
    this.#stop = null;
    if (this.#isOver) return;
    const delay = DELAYS_MS[Math.min(this.#tries, DELAYS_MS.length - 1)];
    this.#tries += 1;
    this.#timer = setTimeout(() => this.#resume(), delay);
  }

  #receive(events) {
    for (const { id, type, data } of events) {
      if (id !== null) this.#lastID = id;
      if (type === "output" && data !== null) {
        this.#pending.push(...this.#terminal.add(JSON.parse(data)));
        this.#any = true;
      } else if (type === "record" && data !== null) {
        this.#activity.add(JSON.parse(data));
      } else if (type === "end") {
        this.#activity.end();
        this.#pending.push(...this.#terminal.end());
        this.#isOver = true;
      }
    }
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = 0;
    for (const run of this.#pending) this.#append(run);
    this.#pending = [];
    put(this.#tail, this.#terminal.open.map(nodeOf));
    if (!this.#block) this.#newBlock();
    this.#block.append(this.#tail);
    this.#trim();
    this.#explain();
    this.#keepEnd();
  }

  #append({ text, look }) {
    let from = 0;
    while (from < text.length) {
      if (!this.#block || this.#block.count >= BLOCK_CHARS) this.#newBlock();
      // A block ends after a line, or within one as long as a block.
      const room = BLOCK_CHARS - this.#block.count;
      let to = Math.min(text.length, from + room);
      if (to < text.length) {
        const end = text.indexOf("\n", to);
        to = end >= 0 && end - to < 1000 ? end + 1 : to;
      }
      const part = text.slice(from, to);
      this.#block.insertBefore(nodeOf({ text: part, look }),
        this.#tail.parentNode === this.#block ? this.#tail : null);
      this.#block.count += part.length;
      this.#kept += part.length;
      from = to;
    }
  }

  #newBlock() {
    this.#block = h("div.output-block");
    this.#block.count = 0;
    this.#text.append(this.#block);
  }

  #trim() {
    while (this.#kept > KEPT_MAX && this.#text.childElementCount > 1) {
      const first = this.#text.firstElementChild;
      this.#kept -= first.count;
      this.#dropped += first.count;
      first.remove();
    }
  }

  #explain() {
    let text = "";
    if (this.#dropped > 0) text = "The beginning is in the download.";
    else if (!this.#any && this.#isOver) text = "It wrote nothing.";
    else if (!this.#any) {
      text = this.isLive ? "What the agent writes shows here as it comes." : "No output is kept.";
    } else if (this.#isOver) text = "It has ended.";
    else if (this.isLive) text = "Live";
    setText(this.#note, text);
    this.#download.hidden = !this.#any;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const isAtEnd = scrollHeight - scrollTop - clientHeight < 24;
    if (isAtEnd) this.#following = true;
    else if (scrollTop < this.#top - 2) this.#following = false;
    this.#top = scrollTop;
    this.#follow.hidden = this.#following;
  }

  #top = 0;

  #keepEnd() {
    if (!this.#following) return;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#top = this.#scroller.scrollTop;
  }
}

function nodeOf({ text, look }) {
  const parts = visible(text).map((part) => (typeof part === "string" ? part
    : h("span.unseen", { text: part.mark })));
  if (look === "") return parts.length === 1 ? document.createTextNode(parts[0]) : h("span", {}, parts);
  const node = h("span", {}, parts);
  node.className = look;
  return node;
}
