// The live output of an agent. It scrolls with new output until the user scrolls up. It keeps as much
// as a page can show; what it has dropped is found by the search and read again from the server. An
// agent that prints JSON lines is shown by its steps.

import { Activity } from "./activity.js";
import { address, delegationRoute, Problem, request } from "../shared/api.js";
import { announce, h, put, setAttribute, setText } from "../shared/dom.js";
import { LineList } from "./lines.js";
import { recall, store } from "../shared/memory.js";
import { readStream } from "../shared/stream.js";
import { OutputSearch } from "./search.js";
import { StepList } from "./steps.js";

/** The kept output, in characters and in lines. */
const KEPT_MAX = 3_000_000;
const LINES_MAX = 20_000;

/** How long the page draws no lines, as a multiple of the time that it drew them. */
const DRAWING_PAUSE = 3;

/** How many lines around a dropped one are read again. */
const AROUND = 200;

const DELAYS_MS = [250, 1000, 2000, 4000];

/** The time after which a hidden page closes its connection. */
const HIDDEN_MAX_MS = 20_000;

export class OutputView {
  /** Whether more output may come. */
  isLive = false;

  #ref;
  #attempt = 0;
  #newest = 0;
  #active = false;
  #isOver = false;
  #following = true;

  #stop = null;
  #timer = null;
  #tries = 0;
  #lastID = null;

  #lines = null;
  #steps = new StepList();
  /** Lines that were read again: `LineList`; null if the newest ones are shown. */
  #window = null;
  #target = null;
  #frame = 0;
  /** Not before this moment the next lines are drawn. */
  #drawnFrom = 0;
  #isDropped = false;
  /** Whether lines came before the worker had told their times. */
  #isRough = false;
  #choice = recall("output") ?? {};

  // MARK: Elements

  #select = h("select", { "aria-label": "Attempt", onchange: () => this.#begin(Number(this.#select.value)) });
  #note = h("span.hint", { role: "status" });
  #search;
  #error = h("button.small", { type: "button", text: "First error", onclick: () => this.#toError() });
  #asSteps = h("button.small", { type: "button", text: "Steps", onclick: () => this.#choose("raw", false) });
  #asRaw = h("button.small", { type: "button", text: "Raw", onclick: () => this.#choose("raw", true) });
  #forms = h("span.choice", { role: "group", "aria-label": "Form of the output", hidden: true }, this.#asSteps, this.#asRaw);
  #wrap = this.#check("wrap", "Wrap", true);
  #times = this.#check("times", "Times", false);
  #download = h("a.button.small", { text: "Download", target: "_blank", rel: "noopener" });
  #place = h("div");
  #back = h("div.output-back", { hidden: true });
  #scroller = h("div.output", {
    tabindex: 0, role: "log", "aria-live": "off", onscroll: () => this.#scrolled(),
  }, this.#place, this.#steps.node);
  #follow = h("button.small.fresh.below", {
    type: "button", hidden: true, text: "Follow", onclick: () => this.follow(),
  });
  #activity = new Activity();
  #observer = new ResizeObserver(() => this.#keepEnd());

  constructor(ref) {
    this.#ref = ref;
    this.#search = new OutputSearch(ref, (line, text) => this.#hit(line, text), () => this.isLive);
    this.node = h("div.output-view", {}, h("h2.visually-hidden", { text: "Output" }),
      h("div.view-bar", {}, h("span.attempt-choice", {}, this.#select), this.#note, this.#search.node,
        h("div.output-tools", {}, this.#error, this.#forms, this.#wrap.label, this.#times.label, this.#download)),
      this.#activity.node, this.#back,
      h("div.output-frame", {}, this.#scroller, this.#follow));
    this.#observer.observe(this.#place);
    this.#observer.observe(this.#steps.node);
    this.#observer.observe(this.#scroller);
    document.addEventListener("visibilitychange", this.#visibility);
    this.#begin(1);
    this.#showChoices();
  }

  close() {
    this.#halt();
    this.#search.close();
    this.#observer.disconnect();
    cancelAnimationFrame(this.#frame);
    document.removeEventListener("visibilitychange", this.#visibility);
    mark([]);
  }

  #check(name, title, byDefault) {
    const box = h("input", { type: "checkbox", onchange: () => this.#choose(name, box.checked) });
    box.checked = this.#choice[name] ?? byDefault;
    return { box, label: h("label.times", {}, box, title) };
  }

  #choose(name, value) {
    this.#choice = { ...this.#choice, [name]: value };
    store("output", this.#choice);
    this.#showChoices();
    this.#keepEnd();
    this.#correctTimes();
  }

  /** Whether steps are shown. */
  get #isSteps() { return this.#steps.isFound && this.#choice.raw !== true && this.#window === null; }

  #showChoices() {
    setAttribute(this.#scroller, "data-times", this.#times.box.checked && !this.#isSteps);
    setAttribute(this.#scroller, "data-wide", !this.#wrap.box.checked && !this.#isSteps);
    this.#forms.hidden = !this.#steps.isFound;
    setAttribute(this.#asSteps, "aria-pressed", String(this.#choice.raw !== true));
    setAttribute(this.#asRaw, "aria-pressed", String(this.#choice.raw === true));
    for (const { label } of [this.#wrap, this.#times]) label.hidden = this.#isSteps;
    this.#steps.node.hidden = !this.#isSteps;
    this.#place.hidden = this.#isSteps;
  }

  /** Scrolls to the end and follows again. */
  follow() {
    this.#toNewest();
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
      if (wasNewest && !this.#target) this.#begin(newest);
      else if (this.#target?.attempt) this.#begin(Math.min(this.#target.attempt, newest));
      this.#select.value = String(this.#attempt);
    }
    this.isLive = isLive && this.#attempt === newest;
    this.#explain();
  }

  /** Shows an attempt, and a line of it; @param place `{attempt, line}`, which may be 0 */
  goTo({ attempt, line }) {
    this.#target = { attempt, line };
    if (attempt > 0 && this.#newest > 0) this.#begin(Math.min(attempt, this.#newest));
    this.#goOn();
  }

  // MARK: Reading

  #begin(attempt, isAnew = false) {
    if (attempt === this.#attempt && !isAnew) return;
    this.#halt();
    this.#activity.clear();
    this.#attempt = attempt;
    this.#select.value = String(attempt);
    this.#lines = new LineList((line) => this.#lineAddress(line));
    this.#steps.node.remove();
    this.#observer.unobserve(this.#steps.node);
    this.#steps = new StepList();
    this.#observer.observe(this.#steps.node);
    this.#scroller.append(this.#steps.node);
    this.#window = null;
    this.#isDropped = false;
    this.#isRough = false;
    this.#lastID = null;
    this.#isOver = false;
    this.#following = true;
    this.#follow.hidden = true;
    put(this.#place, this.#lines.node);
    this.#search.begin(attempt);
    setAttribute(this.#scroller, "aria-label", `Output of attempt ${attempt}`);
    setAttribute(this.#download, "href",
      address(delegationRoute(this.#ref, "output"), { attempt }));
    setAttribute(this.#download, "aria-label", `Download the output of attempt ${attempt}`);
    this.#showChoices();
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
        { attempt: this.#attempt, follow: 1, raw: 1, timestamps: 1 }, this.#lastID, stop.signal,
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
        this.#steps.add(this.#lines.add(JSON.parse(data)));
        this.#isRough ||= this.isLive;
      } else if (type === "record" && data !== null) {
        this.#activity.add(JSON.parse(data));
      } else if (type === "end") {
        this.#activity.end();
        this.#lines.end();
        this.#steps.end();
        this.#isOver = true;
      }
    }
    this.#frame ||= requestAnimationFrame(() => this.#draw());
    this.#correctTimes();
  }

  /** A live line has the time of the last record, which may be that of the line before. Afterwards the
   * exact times are known. */
  #correctTimes() {
    if (this.#isOver && this.#isRough && this.#times.box.checked) this.#begin(this.#attempt, true);
  }

  /** Output that comes faster than it is drawn is drawn less often, and only what will be kept. */
  #draw() {
    const start = performance.now();
    if (start < this.#drawnFrom && !this.#isOver) {
      this.#frame = requestAnimationFrame(() => this.#draw());
      return;
    }
    this.#frame = 0;
    const lines = this.#lines;
    const looked = this.#lookedAt;
    if (lines.draw(LINES_MAX)) this.#isDropped = true;
    while ((lines.length > KEPT_MAX || lines.last - lines.first > LINES_MAX) && lines.dropFirst()) this.#isDropped = true;
    if (looked && looked.line < lines.first) this.#show(looked.line, looked.text);
    if (this.#forms.hidden && this.#steps.isFound) this.#showChoices();
    this.#explain();
    this.#keepEnd();
    this.#goOn();
    const end = performance.now();
    this.#drawnFrom = end + DRAWING_PAUSE * (end - start);
  }

  #explain() {
    const any = !this.#lines.isEmpty;
    let text = "";
    if (!any && this.#isOver) text = "It wrote nothing.";
    else if (!any) {
      text = this.isLive ? "What the agent writes shows here as it comes." : "No output is kept.";
    } else if (this.#isOver) text = `It has ended. ${count(this.#lines.last)}.`;
    else if (this.isLive) text = "Live";
    setText(this.#note, text);
    for (const node of [this.#download, this.#search.node, this.#error]) node.hidden = !any;
    if (this.#window === null) this.#offerBeginning();
  }

  // MARK: Lines

  #lineAddress(line) {
    return `#/delegations/${encodeURIComponent(this.#ref)}?tab=output&attempt=${this.#attempt}&line=${line}`;
  }

  /** Shows the line that was asked for, as soon as it is there. */
  #goOn() {
    const { line = 0, text = "" } = this.#target ?? {};
    if (!this.#target || this.#newest === 0) return;
    if (line > this.#lines.last && !this.#isOver) return;
    this.#target = null;
    if (line > 0) this.#show(line, text);
  }

  #hit(line, text) {
    mark([]);
    if (line !== null) this.#show(line, text);
  }

  async #toError() {
    const failed = this.#isSteps ? this.#steps.firstFailed : null;
    if (failed) {
      this.#showNode(failed);
      return;
    }
    const line = await this.#search.firstError();
    if (line !== null) this.#show(line);
  }

  async #show(line, text = "") {
    this.#following = false;
    let node = this.#isSteps ? this.#steps.line(line) : null;
    if (!node) {
      if (this.#isSteps) this.#choose("raw", true);
      if (line < this.#lines.first && this.#window?.line(line) == null) await this.#read(line);
      else if (line >= this.#lines.first) this.#toNewest();
      node = (this.#window ?? this.#lines).line(line);
    }
    if (node) this.#showNode(node, text);
    else if (line > this.#lines.last && !this.#isOver) this.#target = { attempt: this.#attempt, line, text };
    else announce(`The output has no line ${line}.`);
  }

  #showNode(node, text = "") {
    this.#following = false;
    for (const each of this.#scroller.querySelectorAll("[data-target]")) each.removeAttribute("data-target");
    setAttribute(node, "data-target", "");
    if (node.matches(".agent-step")) for (const details of node.querySelectorAll("details")) details.open = true;
    this.#bring(node);
    this.#follow.hidden = false;
    const box = this.#scroller.getBoundingClientRect();
    if (box.bottom < 80 || box.top > innerHeight - 80) this.#scroller.scrollIntoView({ block: "nearest" });
    this.#shownText = text;
    mark(text === "" ? [] : rangesOf(node, text));
  }

  /** The marked line of the kept ones, if it is near what the user sees: `{line, text}`; else null. */
  get #lookedAt() {
    if (this.#following || this.#window !== null || this.#isSteps) return null;
    const node = this.#place.querySelector("[data-target]");
    if (!node) return null;
    const box = this.#scroller.getBoundingClientRect();
    const { top, bottom } = node.getBoundingClientRect();
    if (this.#isBringing) return { line: Number(node.firstElementChild.dataset.line), text: this.#shownText };
    if (bottom < box.top - box.height || top > box.bottom + box.height) return null;
    return { line: Number(node.firstElementChild.dataset.line), text: this.#shownText };
  }

  #shownText = "";
  /** Whether it is being scrolled to, and so looked at soon. */
  #isBringing = false;

  /** Scrolls to a node. What is not near the screen has a guessed height, so it is done again. */
  #bring(node, tries = 6) {
    this.#isBringing = tries > 0 && !this.#following && node.isConnected;
    if (this.#following || !node.isConnected) return;
    const away = node.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top
      - Math.min(this.#scroller.clientHeight / 3, 160);
    if (Math.abs(away) > 4) this.#scroller.scrollTop += away;
    this.#top = this.#scroller.scrollTop;
    if (tries > 0) requestAnimationFrame(() => requestAnimationFrame(() => {
      if (node.hasAttribute("data-target")) this.#bring(node, tries - 1);
    }));
  }

  /** Reads lines again that the page has dropped. */
  async #read(line) {
    const first = Math.max(1, line - AROUND);
    const attempt = this.#attempt;
    const list = new LineList((each) => this.#lineAddress(each), first);
    try {
      const response = await request(delegationRoute(this.#ref, "output"),
        { query: { attempt, raw: 1, timestamps: 1, line: first, lines: 2 * AROUND } });
      list.add(await response.text());
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      announce(error.message);
      return;
    }
    if (attempt !== this.#attempt) return;
    list.end();
    list.draw();
    this.#window = list;
    put(this.#place, list.node);
    put(this.#back, h("span", { text: `Lines ${list.first} to ${list.last}, read again. ` }),
      h("button.quiet.small", { type: "button", text: "Back to the newest", onclick: () => this.follow() }));
    this.#back.hidden = false;
    this.#showChoices();
  }

  #toNewest() {
    if (this.#window === null) return;
    this.#window = null;
    put(this.#place, this.#lines.node);
    this.#showChoices();
    this.#offerBeginning();
  }

  #offerBeginning() {
    if (this.#back.hidden !== this.#isDropped && this.#isDropped) return;
    this.#back.hidden = !this.#isDropped;
    if (this.#isDropped) {
      put(this.#back, h("span", { text: "The page keeps the newest part of this output. " }),
        h("button.quiet.small", { type: "button", text: "Show the beginning", onclick: () => this.#show(1) }));
    }
  }

  /** Moves to the next hit, or with -1 to the one before. */
  step(by) {
    this.#search.step(by);
  }

  find() {
    if (!this.#search.node.hidden) this.#search.focus();
  }

  // MARK: Scrolling

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    // Where the page has scrolled to by itself, nobody has asked to follow.
    if (Math.abs(scrollTop - this.#top) <= 2) return;
    const isAtEnd = scrollHeight - scrollTop - clientHeight < 24;
    if (isAtEnd && this.#window === null) this.#following = true;
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

function count(lines) {
  return lines === 1 ? "1 line" : `${lines.toLocaleString("en-US")} lines`;
}

/** Marks ranges without changing the nodes; browsers without highlights show the line only. */
function mark(ranges) {
  if (!globalThis.CSS?.highlights) return;
  if (ranges.length === 0) CSS.highlights.delete("found");
  else CSS.highlights.set("found", new Highlight(...ranges));
}

function rangesOf(node, text) {
  const wanted = text.toLowerCase();
  const ranges = [];
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  for (let each = walker.nextNode(); each && ranges.length < 200; each = walker.nextNode()) {
    const words = each.data.toLowerCase();
    if (words.length !== each.data.length) continue;
    for (let at = words.indexOf(wanted); at >= 0; at = words.indexOf(wanted, at + wanted.length)) {
      const range = new Range();
      range.setStart(each, at);
      range.setEnd(each, at + wanted.length);
      ranges.push(range);
    }
  }
  return ranges;
}
