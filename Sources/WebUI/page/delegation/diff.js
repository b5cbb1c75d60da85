// A change to review: its files as a tree, their lines in one column or two, marks of what was viewed,
// and comments on lines. Each file and line has an address. What is far from the screen is made when
// it comes near, so that thousands of files cost little. An agent's text is shown as text; characters
// that change its direction are made visible.

import { Problem, address, delegationRoute, request } from "../shared/api.js";
import { CommentBox } from "../conversation/comments.js";
import { FileView, moveAmongLines } from "./file.js";
import { FileTree } from "./tree.js";
import { announce, h, put, setAttribute, setText } from "../shared/dom.js";
import { recall, store } from "../shared/memory.js";
import { parsePatch } from "./patch.js";
import { ViewedMarks } from "./viewed.js";
import { counted } from "../shared/words.js";

/** A change of so many lines is made at once, so that the browser's own search finds them all. */
const MADE_LINES_MAX = 1500;

/** Of a larger one, so many lines are. */
const FIRST_LINES = 150;

/** The server's limit of a patch. */
const PATCH_BYTES_MAX = 8 << 20;

export class DiffView {
  /** Whether the page's side column gives way to the change. */
  isWide = false;

  #ref;
  #shown = null;
  #wanted = null;
  #active = false;
  #stop = new AbortController();
  #reading = null;
  #comments;
  #toForm;
  #widen;
  #canAsk = false;
  #files = null;
  #views = new Map();
  #isCut = false;
  #marks = null;
  #target = null;
  /** The lines that can be commented on: `{node, box}` by path and line. */
  #places = new Map();
  #near = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      if (!isIntersecting) continue;
      this.#near.unobserve(target);
      target.fill?.();
    }
  }, { rootMargin: "1200px 0px" });

  // MARK: Elements

  #note = h("span.hint", { role: "status" });
  #download = h("a.button.small", {
    text: "Download", "aria-label": "Download the patch", target: "_blank", rel: "noopener",
  });
  #one = h("button.small", { type: "button", text: "Unified", onclick: () => this.#setSplit(false) });
  #two = h("button.small", { type: "button", text: "Side by side", onclick: () => this.#setSplit(true) });
  #space = h("input", { type: "checkbox", onchange: () => this.#again() });
  #spacePart = h("label.times", {}, this.#space, "Ignore spaces");
  #foldAll = h("button.small", { type: "button", text: "Collapse all", onclick: () => this.#setAllFolded() });
  #full = h("button.small.only-wide", { type: "button", text: "Full width", onclick: () => this.#setWide(!this.isWide) });
  #treeButton = h("button.small", { type: "button", text: "Files", onclick: () => this.#setTree(!this.#hasTree) });
  #tools = h("div.diff-tools", { hidden: true },
    this.#treeButton, h("span.choice", { role: "group", "aria-label": "Layout" }, this.#one, this.#two),
    this.#spacePart, this.#foldAll, this.#full, this.#download);
  #tree = new FileTree((file) => this.#fileAddress(file));
  #body = h("div.diff", { onkeydown: moveAmongLines });
  #frame = h("div.diff-frame", {}, this.#tree.node, this.#body);
  #isSplit = false;
  #hasTree = true;

  /**
   * @param ref the delegation
   * @param comments the comments on lines that were not sent yet
   * @param toForm called to show the form that sends them
   * @param widen called with whether the change takes the whole width
   */
  constructor(ref, comments, toForm, widen = () => {}) {
    this.#ref = ref;
    this.#comments = comments;
    this.#toForm = toForm;
    this.#widen = widen;
    comments.onChange((source) => this.#commentsChanged(source));
    this.node = h("div.diff-view", {}, h("h2.visually-hidden", { text: "Changes" }),
      h("div.view-bar", {}, this.#note, this.#tools), this.#frame);
    setText(this.#note, NOTHING);
    const kept = recall("diff") ?? {};
    this.#isSplit = kept.split === true;
    this.isWide = kept.wide === true;
    this.#hasTree = kept.tree ?? !NARROW.matches;
    this.#showChoices();
    addEventListener("scroll", this.#scrolled, { passive: true });
    NARROW.addEventListener("change", this.#resized);
  }

  close() {
    this.#stop.abort();
    this.#near.disconnect();
    removeEventListener("scroll", this.#scrolled);
    NARROW.removeEventListener("change", this.#resized);
  }

  setActive(active) {
    this.#active = active;
    this.#load();
  }

  /**
   * Sets the change.
   * @param source `{key, part, query, name}`: its route, and a name if it is not the delegation's
   *   commit; null if there is none
   */
  update(source) {
    this.#wanted = source;
    if (source === null && this.#shown !== null) {
      this.#shown = null;
      this.#show([]);
      setText(this.#note, NOTHING);
    }
    this.#load();
  }

  /** Sets whether lines can be commented on. */
  allowComments(allowed) {
    if (allowed === this.#canAsk) return;
    this.#canAsk = allowed;
    if (this.#files) this.#show(this.#files);
  }

  // MARK: Reading

  #again() {
    this.#shown = null;
    this.#load();
  }

  async #load() {
    const source = this.#wanted;
    if (!this.#active || source === null || source.key === this.#shown) return;
    this.#shown = source.key;
    setText(this.#note, "Reading the change…");
    this.#reading?.abort();
    const reading = new AbortController();
    this.#reading = reading;
    const signal = AbortSignal.any([this.#stop.signal, reading.signal]);
    const query = { ...source.query, "ignore-whitespace": this.#space.checked && source.part === "diff" ? 1 : null };
    try {
      const response = await request(delegationRoute(this.#ref, source.part), { query, signal });
      const bytes = await response.arrayBuffer();
      this.#isCut = bytes.byteLength >= PATCH_BYTES_MAX;
      this.#content.clear();
      this.#marks = new ViewedMarks(source.id ?? this.#ref);
      setAttribute(this.#download, "href", address(delegationRoute(this.#ref, source.part), source.query));
      this.#show(parsePatch(new TextDecoder().decode(bytes)));
      this.#goOn();
    } catch (error) {
      if (signal.aborted) return;
      this.#shown = null;
      const text = error instanceof Problem ? `${error.message} ${error.hint}` : "It was cut off.";
      put(this.#note, `${text} `);
    }
  }

  /** Lines of files, by file. */
  #content = new Map();

  #contentOf(file) {
    if (!this.#content.has(file)) {
      const reading = (async () => {
        const query = { path: file.plainPath, side: "after" };
        const response = await request(delegationRoute(this.#ref, "file"), { query, signal: this.#stop.signal });
        const lines = (await response.text()).split("\n");
        if (lines.at(-1) === "") lines.pop();
        return lines;
      })();
      reading.catch(() => this.#content.delete(file));
      this.#content.set(file, reading);
    }
    return this.#content.get(file);
  }

  // MARK: Rendering

  #show(files) {
    this.#files = files;
    this.#places.clear();
    this.#views.clear();
    this.#near.disconnect();
    const some = files.length > 0;
    this.#tools.hidden = !some;
    this.#treeButton.hidden = files.length < 2;
    this.#spacePart.hidden = this.#wanted?.part !== "diff";
    this.#showChoices();
    this.#tree.update(files, (file) => this.#marks.has(file));
    for (const file of files) this.#views.set(file, new FileView(file, this.#context()));
    put(this.#body, [...this.#views.values()].map(({ node }) => node));
    const views = [...this.#views.values()];
    const isSmall = views.reduce((sum, { lineCount }) => sum + lineCount + 1, 0) <= MADE_LINES_MAX;
    for (let [i, made] = [0, 0]; i < views.length && (isSmall || made < FIRST_LINES); i += 1) {
      views[i].make(isSmall);
      made += views[i].lineCount + 1;
    }
    this.#explain();
    this.#showComments();
  }

  #context() {
    return {
      ref: this.#ref, signal: this.#stop.signal, isSplit: this.#columns, canAsk: this.#canAsk && this.#wanted?.part === "diff",
      canExpand: this.#wanted?.part === "diff",
      lineAddress: (file, line, isOld) => this.#fileAddress(file, line, isOld),
      comment: (path, line) => this.#comment(path, line),
      place: (path, line, node) => this.#places.set(keyOf({ path, line }), { node, box: null }),
      made: () => { if (this.#comments.items.length > 0) this.#showComments(); },
      later: (node) => this.#near.observe(node),
      isViewed: (file) => this.#marks.has(file),
      view: (file, isViewed) => this.#setViewed(file, isViewed),
      content: (file) => this.#contentOf(file),
    };
  }

  #explain() {
    const files = this.#files;
    let [added, removed] = [0, 0];
    for (const file of files) {
      added += file.added;
      removed += file.removed;
    }
    const viewed = files.filter((file) => this.#marks.has(file)).length;
    const name = this.#wanted?.name;
    setText(this.#note, files.length === 0
      ? (this.#space.checked ? "Without spaces, nothing differs." : "The change is empty.")
      : `${name ? `${name}: ` : ""}${counted(files.length)} ${files.length === 1 ? "file" : "files"}, ${counted(added)} added, ${counted(removed)} removed`
        + `${viewed > 0 ? `, ${viewed} of ${files.length} viewed` : ""}.`
        + `${this.#isCut ? " The rest is too long to be shown; the forge has all of it." : ""}`);
  }

  // MARK: Choices

  /** Two columns need room. */
  get #columns() { return this.#isSplit && !NARROW.matches; }

  #showChoices() {
    setAttribute(this.#one, "aria-pressed", String(!this.#isSplit));
    setAttribute(this.#two, "aria-pressed", String(this.#isSplit));
    setAttribute(this.#full, "aria-pressed", String(this.isWide));
    const hasTree = this.#hasTree && (this.#files?.length ?? 0) > 1;
    setAttribute(this.#treeButton, "aria-pressed", String(hasTree));
    this.#tree.node.hidden = !hasTree;
    const isFolded = this.#views.size > 0 && [...this.#views.values()].every((view) => view.isFolded);
    setText(this.#foldAll, isFolded ? "Expand all" : "Collapse all");
  }

  #keep() {
    store("diff", { split: this.#isSplit, wide: this.isWide, tree: this.#hasTree });
    this.#showChoices();
  }

  #setSplit(isSplit) {
    if (isSplit === this.#isSplit) return;
    this.#isSplit = isSplit;
    this.#keep();
    this.#showAnew();
  }

  #showAnew() {
    const before = this.#current;
    this.#show(this.#files);
    if (before) this.#scrollTo(this.#views.get(before).node, "start");
  }

  #resized = () => { if (this.#isSplit && this.#files) this.#showAnew(); };

  #setWide(isWide) {
    this.isWide = isWide;
    this.#keep();
    this.#widen();
  }

  #setTree(hasTree) {
    this.#hasTree = hasTree;
    this.#keep();
  }

  #setAllFolded() {
    const isFolded = [...this.#views.values()].some((view) => !view.isFolded);
    for (const view of this.#views.values()) view.setFolded(isFolded);
    this.#showChoices();
  }

  #setViewed(file, isViewed) {
    this.#marks.set(file, isViewed);
    const view = this.#views.get(file);
    view.setFolded(isViewed);
    view.showViewed();
    this.#tree.setViewed(file, isViewed);
    this.#explain();
    this.#showChoices();
    // The head of a long file that was folded is above the screen.
    if (isViewed && view.node.getBoundingClientRect().top < 0) view.node.scrollIntoView({ block: "start" });
  }

  // MARK: Addresses

  #fileAddress(file, line = null, isOld = false) {
    const query = new URLSearchParams({ ...this.#wanted.address, file: file.plainPath ?? file.path });
    if (line !== null) query.set(isOld ? "old" : "line", line);
    return `#/delegations/${encodeURIComponent(this.#ref)}?${query}`;
  }

  /** Shows a file, or a line of it; @param place `{file, line, old}` as texts, which may be null */
  goTo(place) {
    this.#target = place;
    this.#goOn();
  }

  async #goOn() {
    const place = this.#target;
    if (!place || !this.#files || this.#files.length === 0) return;
    this.#target = null;
    const file = this.#files.find((each) => (each.plainPath ?? each.path) === place.file);
    if (!file) {
      announce(`${place.file} is not part of the change.`);
      return;
    }
    const view = this.#views.get(file);
    view.make();
    const number = Number(place.line ?? place.old);
    this.#body.querySelector("[data-target]")?.removeAttribute("data-target");
    if (!number) {
      if (view.isFolded && !this.#marks.has(file)) view.setFolded(false);
      this.#scrollTo(view.node, "start");
      view.node.querySelector(".diff-name a").focus({ preventScroll: true });
      return;
    }
    const isOld = place.line === null;
    let row = view.row(number, isOld);
    if (!row && !isOld) {
      await view.reveal(number);
      row = view.row(number);
    }
    if (!row) {
      this.#scrollTo(view.node, "start");
      announce(`The change does not show line ${number}.`);
      return;
    }
    setAttribute(row, "data-target", "");
    this.#scrollTo(row, "center");
    row.querySelector(`a[data-${isOld ? "old" : "now"}="${number}"]`).focus({ preventScroll: true });
  }

  /** Scrolls to a node. What is made on the way may move it, so it is done again. */
  #scrollTo(node, block, tries = 6) {
    const { top, bottom } = node.getBoundingClientRect();
    const isSeen = block === "center" && top > 80 && bottom < innerHeight;
    if (!isSeen) node.scrollIntoView({ block });
    if (tries > 0) requestAnimationFrame(() => requestAnimationFrame(() => {
      const now = node.getBoundingClientRect().top;
      if (!isSeen && node.isConnected && Math.abs(now - this.#topOf(node, block)) > 4) this.#scrollTo(node, block, tries - 1);
    }));
  }

  #topOf(node, block) {
    if (block === "center") return innerHeight / 2 - node.offsetHeight / 2;
    return Number.parseFloat(getComputedStyle(node).scrollMarginTop) || 0;
  }

  /** The file at the top of the screen. */
  get #current() {
    for (const [file, { node }] of this.#views) {
      const { bottom } = node.getBoundingClientRect();
      if (bottom > 120) return file;
    }
    return null;
  }

  #frameDue = 0;

  #scrolled = () => {
    if (!this.#active || this.#tree.node.hidden || this.#frameDue) return;
    this.#frameDue = requestAnimationFrame(() => {
      this.#frameDue = 0;
      this.#tree.setCurrent(this.#current);
    });
  };

  /** Moves to the next file, or with -1 to the one before. */
  step(by) {
    if (!this.#files?.length) return;
    const focused = document.activeElement?.closest?.(".diff-file");
    const views = [...this.#views.values()];
    const from = focused ? views.findIndex(({ node }) => node === focused) : by > 0 ? -1 : 0;
    const next = views[Math.min(views.length - 1, Math.max(0, from + by))];
    next.make();
    this.#scrollTo(next.node, "start");
    next.node.querySelector(".diff-name a").focus({ preventScroll: true });
  }

  /** Marks the file with the focus as viewed, or not. */
  toggleViewed() {
    const focused = document.activeElement?.closest?.(".diff-file");
    for (const [file, { node }] of this.#views) {
      if (node === focused) this.#setViewed(file, !this.#marks.has(file));
    }
  }

  filterFiles() {
    if (!this.#files || this.#files.length < 8) return;
    if (!this.#hasTree) this.#setTree(true);
    this.#tree.focusFilter();
  }

  // MARK: Comments on lines

  /** Other boxes show what was typed in `source`; null if a comment was begun or removed. */
  #commentsChanged(source) {
    if (source === null) this.#showComments();
    else for (const { box } of this.#places.values()) box?.update();
  }

  #showComments() {
    if (this.#isShowing) return;
    // A row that is made for a comment calls this again.
    this.#isShowing = true;
    const canAsk = this.#canAsk && this.#wanted?.part === "diff";
    for (const { path, line } of canAsk ? this.#comments.items : []) {
      if (line === null || this.#places.has(keyOf({ path, line }))) continue;
      const file = this.#files?.find(({ plainPath }) => plainPath === path);
      if (file) this.#views.get(file).row(line);
    }
    this.#isShowing = false;
    for (const [key, place] of this.#places) {
      const item = canAsk ? this.#comments.items.find((each) => keyOf(each) === key) : undefined;
      if (place.box && place.box.item !== item) {
        place.box.node.parentNode.parentNode.remove();
        place.box = null;
      }
      if (!item || place.box) continue;
      place.box = new CommentBox(this.#comments, item, {
        actions: [h("button.quiet.small", { type: "button", text: "To the form", onclick: this.#toForm })],
        removed: () => place.node.querySelector("button")?.focus(),
      });
      place.node.after(h("div.diff-comment", { role: "row" }, h("div", { role: "cell" }, place.box.node)));
    }
  }

  #isShowing = false;

  #comment(path, line) {
    const item = this.#comments.begin(path, line);
    this.#places.get(keyOf(item))?.box?.text.focus();
  }
}

const NOTHING = "No change was handed in yet.";

const NARROW = matchMedia("(max-width: 960px)");

function keyOf({ path, line }) {
  return `${line}:${path}`;
}
