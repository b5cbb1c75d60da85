// The lines of an output: each with its number, which is its address, and its time. Lines are grouped
// into blocks, which a browser lays out only while they are near the screen.

import { h, put } from "../shared/dom.js";
import { at } from "../shared/time.js";
import { Terminal, visible } from "../shared/terminal.js";

/** About the length of a block, in characters. */
const BLOCK_CHARS = 16_000;
const BLOCK_LINES = 200;

/** The time of a line as the server writes it before the line; dashes if it is not known. */
const TIME = /^(?:(\d{4}-\d\d-\d\dT[\d:.]+Z)|-{24}) /;

/** Takes the times off the beginnings of the lines of a stream. */
export class TimedText {
  #isAtLine = true;

  /** @returns {{text: string, times: (number|null)[]}} with a time for each line that begins in it */
  take(piece) {
    const times = [];
    let text = "";
    let from = 0;
    while (from < piece.length) {
      if (this.#isAtLine) {
        const found = TIME.exec(piece.slice(from, from + 32));
        times.push(found?.[1] ? Date.parse(found[1]) : null);
        if (found) from += found[0].length;
      }
      const end = piece.indexOf("\n", from);
      const to = end < 0 ? piece.length : end + 1;
      text += piece.slice(from, to);
      this.#isAtLine = end >= 0;
      from = to;
    }
    return { text, times };
  }
}

export class LineList {
  node = h("div.output-text");
  /** The number of the first kept line, and of the last one. */
  first;
  last;
  /** In characters. */
  length = 0;

  #terminal = new Terminal();
  #timed = new TimedText();
  #times = [];
  #address;
  #block = null;
  #line = null;
  #ended = [];

  /**
   * @param address the address of a line
   * @param first the number of the first line
   */
  constructor(address, first = 1) {
    this.#address = address;
    this.first = first;
    this.last = first - 1;
  }

  get isEmpty() { return this.last < this.first; }

  /** Takes a piece of the output, in which each line begins with its time. @returns the text without */
  add(piece) {
    const { text, times } = this.#timed.take(piece);
    this.#times.push(...times);
    this.#ended.push(...this.#terminal.add(text));
    return text;
  }

  /** Ends the text. */
  end() {
    this.#ended.push(...this.#terminal.end());
  }

  /**
   * Makes the nodes of what was added, but not of lines that would be dropped at once.
   * @param most how many of the lines that were added are wanted, the newest ones
   * @returns whether lines were passed over
   */
  draw(most = Infinity) {
    const over = most === Infinity ? 0 : countLines(this.#ended) - most;
    if (over > 0) this.#passOver(over);
    for (const run of this.#ended) this.#append(run);
    this.#ended = [];
    const { open } = this.#terminal;
    if (open.length > 0 && !this.#line) this.#begin();
    if (this.#line) put(this.#line.tail, open.map(nodeOf));
    return over > 0;
  }

  /** Counts the next lines without nodes. What is drawn already is dropped, since it is before them. */
  #passOver(count) {
    this.node.replaceChildren();
    this.length = 0;
    this.#block = null;
    // The number and the time of a line that was begun are counted already.
    const begun = this.#line ? 1 : 0;
    this.#line = null;
    let left = count;
    let run = 0;
    while (left > 0) {
      const { text } = this.#ended[run];
      let from = 0;
      while (left > 0) {
        const end = text.indexOf("\n", from);
        if (end < 0) break;
        from = end + 1;
        left -= 1;
      }
      if (left > 0) run += 1;
      else this.#ended[run] = { ...this.#ended[run], text: text.slice(from) };
    }
    this.#ended.splice(0, run);
    this.#times.splice(0, count - begun);
    this.last += count - begun;
    this.first = this.last + 1;
  }

  #append({ text, look }) {
    let from = 0;
    while (from < text.length) {
      const end = text.indexOf("\n", from);
      const to = end < 0 ? text.length : end;
      if (!this.#line) this.#begin();
      // A very long line goes on in the next block.
      else if (this.#block.count >= BLOCK_CHARS && this.#line.count >= BLOCK_CHARS) this.#begin(true);
      if (to > from) {
        this.#line.tail.before(nodeOf({ text: text.slice(from, to), look }));
        this.#block.count += to - from;
        this.#line.count += to - from;
        this.length += to - from;
      }
      if (end >= 0) {
        // So that what is copied has its line ends.
        this.#line.tail.replaceWith("\n");
        this.#line = null;
        this.#block.count += 1;
        this.length += 1;
      }
      from = to + (end < 0 ? 0 : 1);
    }
  }

  #begin(isMore = false) {
    if (isMore) this.#line.tail.remove();
    if (!this.#block || this.#block.count >= BLOCK_CHARS || this.#block.childElementCount >= BLOCK_LINES) {
      this.#block = h("div.output-block");
      this.#block.count = 0;
      this.#block.first = this.last + (isMore ? 0 : 1);
      this.node.append(this.#block);
    }
    const tail = h("span");
    const node = h("div.output-line");
    if (isMore) node.append(h("span.output-number"), h("span.output-words", {}, tail));
    else {
      this.last += 1;
      const time = this.#times.shift() ?? null;
      node.dataset.time = time === null ? "" : clock(time);
      node.append(h("a.output-number", { href: this.#address(this.last), tabindex: -1, "data-line": this.last,
        "aria-label": `Line ${this.last}` }), h("span.output-words", {}, tail));
    }
    this.#line = { node, tail, count: 0 };
    this.#block.append(node);
  }

  /** Removes the first block. @returns whether there was another one */
  dropFirst() {
    const block = this.node.firstElementChild;
    if (!block || block === this.#block) return false;
    this.length -= block.count;
    this.first = block.nextElementSibling.first;
    block.remove();
    return true;
  }

  /** The node of a line; null if it is not kept. */
  line(number) {
    if (number < this.first || number > this.last) return null;
    let block = null;
    for (const each of this.node.children) {
      if (each.first > number) break;
      block = each;
    }
    // A long line may go on in this block and begin in one before.
    for (; block; block = block.previousElementSibling) {
      const found = block.querySelector(`[data-line="${number}"]`);
      if (found) return found.parentNode;
    }
    return null;
  }
}

function countLines(runs) {
  let count = 0;
  for (const { text } of runs) {
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count += 1;
  }
  return count;
}

function clock(time) {
  return `${at(time)}.${String(time % 1000).padStart(3, "0")}`;
}

/** A run of a terminal's text as a node. */
export function nodeOf({ text, look }) {
  const parts = visible(text).map((part) => (typeof part === "string" ? part
    : h("span.unseen", { text: part.mark })));
  if (look === "") return parts.length === 1 && typeof parts[0] === "string" ? document.createTextNode(parts[0]) : h("span", {}, parts);
  const node = h("span", {}, parts);
  node.className = look;
  return node;
}
