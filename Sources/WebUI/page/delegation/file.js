// One file of a change: its lines in one column or two, in parts that are made when they come near the
// screen, with the lines around them on request.

import { colour, languageOf } from "./colours.js";
import { markParts, pairs } from "./patch.js";
import { isPicture, pictures } from "./pictures.js";
import { h, put, setAttribute, setText, words } from "../shared/dom.js";
import { visible } from "../shared/terminal.js";

const LINE_CHARS_MAX = 4000;

/** The lines of a part. */
const PART = 200;

/** How many lines git shows around a change. */
const AROUND = 3;

/** How many lines one press adds. */
const MORE = 20;

/** A longer file has no colours. */
const COLOURED_MAX = 20_000;

/** The heights of a line, of a file's head and of the edges of its lines, in pixels: what is not made yet
 * takes this room, so that little moves when it is. */
const LINE_PX = 19.5;
const HEAD_PX = 42;
const EDGES_PX = 8;

/**
 * What a file needs of the view: `{ref, signal, isSplit, canAsk, canExpand, lineAddress(file, line, old),
 * comment(path, line), place(path, line, row), made(file), later(node), isViewed(file), view(file, on),
 * content(file)}`.
 */
export class FileView {
  /** Whether its lines are hidden. */
  isFolded = false;

  #view;
  #rows = null;
  #isMade = false;
  #body = null;
  #fold = null;
  #check = null;

  constructor(file, view) {
    this.file = file;
    this.#view = view;
    // TASK.md is AIPM's own, and is put back by each commit.
    this.isFolded = view.isViewed(file) || (file.path === "TASK.md" && file.kind !== "added");
    this.node = h("article.diff-file", { "aria-label": file.path });
    this.node.style.minHeight = `${this.#height()}px`;
    this.node.fill = () => this.make();
    view.later(this.node);
  }

  get lineCount() { return this.file.hunks.reduce((sum, { lines }) => sum + lines.length, 0); }

  #height() {
    return HEAD_PX + (this.isFolded ? 0 : EDGES_PX + this.lineCount * LINE_PX);
  }

  /** Makes the head and the parts; @param whole whether all lines are made, too */
  make(whole = false) {
    if (!this.#isMade) {
      this.#isMade = true;
      this.#body = h("div.diff-body", { hidden: this.isFolded });
      put(this.node, this.#head(), this.#body);
      this.node.style.minHeight = "";
      if (!this.isFolded) this.#fill();
    }
    if (whole) for (const part of this.#parts) part.fill?.();
  }

  /** Shows or hides the lines. */
  setFolded(isFolded) {
    this.isFolded = isFolded;
    if (!this.#isMade) {
      this.node.style.minHeight = `${this.#height()}px`;
      return;
    }
    this.#body.hidden = isFolded;
    setAttribute(this.#fold, "aria-expanded", String(!isFolded));
    if (!isFolded) this.#fill();
  }

  showViewed() {
    if (this.#check) this.#check.checked = this.#view.isViewed(this.file);
  }

  #head() {
    const { file } = this;
    this.#fold = h("button.diff-fold", {
      type: "button", "aria-expanded": String(!this.isFolded), "aria-label": `Lines of ${file.path}`,
      onclick: () => this.setFolded(!this.isFolded),
    });
    this.#check = h("input", {
      type: "checkbox", onchange: () => this.#view.view(file, this.#check.checked),
    });
    this.#check.checked = this.#view.isViewed(file);
    return h("header.diff-head", {}, this.#fold,
      h("h3.diff-name", {}, h("a", { href: this.#view.lineAddress(file) }, words(file.path)),
        file.from ? h("span.muted", {}, " from ", words(file.from)) : null),
      h("span.diff-kind", { text: file.kind === "changed" ? "" : file.kind }),
      file.isBinary ? null : countNode(file),
      h("label.diff-viewed", {}, this.#check, "Viewed"));
  }

  // MARK: Lines

  #parts = [];

  #fill() {
    if (this.#body.firstChild) return;
    const { file } = this;
    if (isPicture(file) && this.#view.canExpand) put(this.#body, pictures(this.#view.ref, file, this.#view.signal));
    else if (file.hunks.length === 0) put(this.#body, h("p.hint.diff-remark", { text: remarkOf(file) }));
    else put(this.#body, this.#table());
  }

  #table() {
    const { file } = this;
    const language = this.lineCount <= COLOURED_MAX ? languageOf(file.plainPath) : null;
    const table = h("div.diff-lines", {
      role: "table", "aria-label": `Change of ${file.path}`, "data-split": this.#view.isSplit,
    });
    const first = file.hunks[0];
    // All of a new or deleted file is in its hunk.
    const isPart = file.kind !== "added" && file.kind !== "deleted" && first.now > 0 && first.old > 0;
    let next = 1;
    for (const hunk of file.hunks) {
      if (language) colour(hunk.lines, language);
      if (hunk.lines.length <= COLOURED_MAX) markParts(hunk.lines);
      if (isPart && (hunk.now > next || hunk.heading)) {
        table.append(this.#gap({ from: next, to: hunk.now, shift: hunk.old - hunk.now, heading: hunk.heading }));
      }
      const rows = this.#view.isSplit ? pairs(hunk.lines) : hunk.lines;
      for (let i = 0; i < rows.length; i += PART) table.append(this.#part(rows.slice(i, i + PART)));
      next = hunk.nowEnd;
    }
    const last = file.hunks.at(-1);
    // Fewer lines around a change than git shows: there the file ends.
    const around = last.lines.length - 1 - last.lines.findLastIndex(({ kind }) => kind !== " ");
    if (isPart && this.#view.canExpand && around >= AROUND) {
      table.append(this.#gap({ from: next, to: null, shift: last.oldEnd - last.nowEnd, heading: "" }));
    }
    return table;
  }

  /** A part of the lines, made when it comes near the screen. */
  #part(rows) {
    const node = h("div.diff-part", { role: "rowgroup" });
    node.style.minHeight = `${rows.length * LINE_PX}px`;
    node.rows = rows;
    node.fill = () => {
      node.fill = null;
      node.style.minHeight = "";
      put(node, rows.map((row) => (this.#view.isSplit ? this.#pair(row) : this.#line(row))));
      const table = node.parentNode;
      if (table && !table.querySelector("[data-stop][tabindex='0']")) setStop(node.querySelector("[data-stop]"));
      this.#view.made(this.file);
    };
    this.#parts.push(node);
    this.#view.later(node);
    return node;
  }

  /** The row of a line, which is made if it was not; null if the change does not show it. */
  row(line, isOld = false) {
    this.make();
    if (this.isFolded) this.setFolded(false);
    const side = isOld ? "old" : "now";
    const isIt = (each) => each?.[side] === line;
    for (const part of this.#parts) {
      const index = part.rows.findIndex((row) => (this.#view.isSplit ? isIt(isOld ? row.left : row.right) : isIt(row)));
      if (index < 0) continue;
      part.fill?.();
      return part.querySelector(`.diff-line a[data-${side}="${line}"]`)?.closest(".diff-line") ?? null;
    }
    return null;
  }

  /** Adds the lines around one that the change does not show, if there are any. */
  async reveal(line) {
    for (const gap of this.#gaps) {
      if (line < gap.from || (gap.to !== null && line >= gap.to)) continue;
      await gap.add(Math.max(gap.from, line - MORE / 2), line + MORE / 2);
      return;
    }
  }

  // MARK: What stands between the hunks

  #gaps = new Set();

  #gap(gap) {
    const said = h("span.diff-heading");
    const tools = h("span.diff-more");
    const node = h("div.diff-gap", { role: "row" }, h("div", { role: "cell" }, tools, said));
    const show = () => {
      const count = gap.to === null ? null : gap.to - gap.from;
      if (count !== null && count <= 0) {
        this.#gaps.delete(gap);
        if (gap.heading) put(tools);
        else node.remove();
        return;
      }
      const button = (text, label, from, to) => h("button.quiet.small", {
        type: "button", text, "aria-label": label, onclick: () => gap.add(from(), to(), node),
      });
      const [first, last] = [() => gap.from, () => gap.to];
      put(tools, !this.#view.canExpand ? null : count !== null && count <= MORE
        ? button(`${count} more ${count === 1 ? "line" : "lines"}`, `Show ${count} more lines`, first, last)
        : [gap.from > 1 ? button(`↓ ${MORE} lines`, `Show ${MORE} lines after line ${gap.from - 1}`, first,
          () => gap.from + MORE) : null,
        gap.to === null ? null : button(`↑ ${MORE} lines`, `Show ${MORE} lines before line ${gap.to}`,
          () => gap.to - MORE, last),
        count === null ? null : button(`All ${count}`, `Show all ${count} lines`, first, last)]);
      setText(said, gap.heading);
    };
    gap.add = async (from, to) => {
      let content;
      try {
        content = await this.#view.content(this.file);
      } catch (error) {
        if (!this.#view.signal.aborted) put(tools, h("span.hint", { text: error.message }));
        return;
      }
      const end = Math.min(gap.to ?? Infinity, content.length + 1);
      this.#insert(gap, node, content, Math.max(gap.from, from), Math.min(end, to));
      if (gap.to === null && gap.from >= content.length + 1) gap.to = gap.from;
      show();
    };
    this.#gaps.add(gap);
    show();
    return node;
  }

  /** Adds lines of the file at one end of a gap, or in the middle of it, which makes it two. */
  #insert(gap, node, content, from, to) {
    if (from >= to) return;
    const lines = [];
    for (let now = from; now < to; now += 1) lines.push({ kind: " ", text: content[now - 1], old: now + gap.shift, now });
    const language = languageOf(this.file.plainPath);
    if (language) colour(lines, language);
    const part = this.#part(this.#view.isSplit ? pairs(lines) : lines);
    if (from === gap.from) {
      node.before(part);
      gap.from = to;
    } else {
      node.after(part);
      if (to !== gap.to) part.after(this.#gap({ ...gap, from: to, add: null }));
      gap.to = from;
      gap.heading = "";
    }
    part.fill();
    part.querySelector("a[data-now]")?.focus({ preventScroll: true });
  }

  // MARK: Rows

  #line(line) {
    const { kind } = line;
    if (kind === "\\") return remark(line.text);
    const node = h("div.diff-line", { role: "row", "data-kind": kind },
      this.#number(line.old, true), this.#number(line.now, false, line), sign(kind), code(line));
    this.#place(line, node);
    return node;
  }

  #pair({ left, right }) {
    if (left?.kind === "\\" || right?.kind === "\\") return remark((left ?? right).text);
    const node = h("div.diff-line", { role: "row", "data-kind": left === right ? " " : "±" },
      half(left, this.#number(left?.old, true)), half(right, this.#number(right?.now, false, right)));
    if (right) this.#place(right, node);
    return node;
  }

  #place({ now }, node) {
    const { plainPath } = this.file;
    if (now !== null && plainPath !== null) this.#view.place(plainPath, now, node);
  }

  #number(number, isOld, line = null) {
    const { file } = this;
    const cell = h("span.diff-number", { role: "cell" });
    if (number === null || number === undefined) return cell;
    if (line && this.#view.canAsk && file.plainPath !== null) {
      cell.append(h("button", {
        type: "button", tabindex: -1, "data-stop": "", "aria-label": `Comment on line ${number}`, text: "+",
        onclick: () => this.#view.comment(file.plainPath, number),
      }));
    }
    cell.append(h("a", {
      href: this.#view.lineAddress(file, number, isOld), tabindex: -1, "data-stop": "",
      "data-old": isOld ? number : null, "data-now": isOld ? null : number, text: number,
    }));
    return cell;
  }
}

function countNode({ added, removed }) {
  return h("span.diff-count", { "aria-label": `${added} added, ${removed} removed`, role: "img" },
    h("span.diff-added", { text: `+${added}` }), " ", h("span.diff-removed", { text: `−${removed}` }));
}

function remarkOf({ isBinary, kind }) {
  if (isBinary) return "A binary file.";
  return kind === "changed" ? "Only its mode changed." : `The file is ${kind}, without a changed line.`;
}

function remark(text) {
  return h("div.diff-line", { role: "row", "data-kind": "\\" }, h("span.diff-code", { role: "cell", text }));
}

function sign(kind) {
  return h("span.diff-sign", { role: "cell", "aria-label": SAID[kind], text: kind === "-" ? "−" : kind });
}

const SAID = { "+": "added", "-": "removed" };

function half(line, number) {
  return h("span.diff-half", { "data-kind": line?.kind ?? "" }, number,
    line ? [sign(line.kind), code(line)]
      : [h("span.diff-sign", { role: "cell" }), h("span.diff-code", { role: "cell" })]);
}

/** A line's text with its colours, and with what differs from the line that it replaces. */
function code({ text: whole, parts = [], part = null }) {
  const isCut = whole.length > LINE_CHARS_MAX;
  const text = isCut ? whole.slice(0, LINE_CHARS_MAX) : whole;
  const node = h("span.diff-code", { role: "cell" });
  const piece = (from, to, kind) => {
    if (from >= to) return;
    const shown = visible(text.slice(from, to)).map((each) => (typeof each === "string" ? each
      : h("span.unseen", { text: each.mark })));
    if (kind === "") node.append(...shown);
    else {
      const span = h("span", {}, shown);
      span.className = kind;
      node.append(span);
    }
  };
  // What differs cuts the coloured parts.
  const stretch = (from, to, kind) => {
    const [start, end] = part ?? [0, 0];
    piece(from, Math.min(to, start), kind);
    piece(Math.max(from, start), Math.min(to, end), `${kind} differs`.trim());
    piece(Math.max(from, end), to, kind);
  };
  let at = 0;
  for (const [from, to, kind] of parts) {
    if (from >= text.length) break;
    stretch(at, from, "");
    at = Math.min(to, text.length);
    stretch(from, at, `t-${kind}`);
  }
  stretch(at, text.length, "");
  if (isCut) node.append(h("span.hint", { text: ` … ${whole.length - LINE_CHARS_MAX} more characters` }));
  return node;
}

// MARK: Keys

function setStop(node) {
  if (node) node.tabIndex = 0;
}

/** One number or button of each file is in the focus order; arrow keys move to the others. */
export function moveAmongLines(event) {
  const stop = event.target.closest("[data-stop]");
  if (!stop || event.ctrlKey || event.metaKey || event.altKey) return;
  const table = stop.closest(".diff-lines");
  const row = stop.closest(".diff-line");
  const beside = [...row.querySelectorAll("[data-stop]")];
  const index = beside.indexOf(stop);
  let next = null;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    next = beside[index + (event.key === "ArrowRight" ? 1 : -1)];
  } else {
    const isAlike = (each) => each.tagName === stop.tagName && (each.dataset.old !== undefined) === (stop.dataset.old !== undefined);
    const all = [...table.querySelectorAll("[data-stop]")].filter(isAlike);
    const at = all.indexOf(stop);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    next = all[Math.min(all.length - 1, Math.max(0, to))];
  }
  event.preventDefault();
  if (!next) return;
  for (const each of table.querySelectorAll("[data-stop][tabindex='0']")) each.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
