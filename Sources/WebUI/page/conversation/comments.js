// Comments on lines that were not sent yet. The form and the diff show the same ones, and each shows at
// once what is typed in the other.

import { h, setAttribute, setText } from "../shared/dom.js";
import { placeWords } from "../shared/words.js";

export class LineComments {
  /** `{path, line, body}`, in the order in which they were begun; `line` is null for a whole file. */
  items = [];

  #listeners = new Set();

  /** Calls `listen` after each change with the source of it. */
  onChange(listen) {
    this.#listeners.add(listen);
  }

  at(path, line) {
    return this.items.find((item) => item.path === path && item.line === line);
  }

  /** The comment at a place; a new one if there is none. */
  begin(path, line) {
    let item = this.at(path, line);
    if (!item) {
      item = { path, line, body: "" };
      this.items.push(item);
      this.#tell(null);
    }
    return item;
  }

  write(item, body, source) {
    item.body = body;
    this.#tell(source);
  }

  remove(item) {
    this.items = this.items.filter((other) => other !== item);
    this.#tell(null);
  }

  /** Replaces all; what is not a comment is left out. */
  replace(items) {
    this.items = (Array.isArray(items) ? items : []).filter(({ path, line, body } = {}) =>
      typeof path === "string" && typeof body === "string"
      && (line === null || Number.isSafeInteger(line)))
      .map(({ path, line, body }) => ({ path, line, body }));
    this.#tell(null);
  }

  /** Those that have words. */
  get written() {
    return this.items.filter(({ body }) => body.trim() !== "");
  }

  #tell(source) {
    for (const listen of this.#listeners) listen(source);
  }
}

let count = 0;

/** One comment with its place, its words and a line for an error. */
export class CommentBox {
  /**
   * @param comments the comments that it belongs to
   * @param actions buttons beside "Remove"
   * @param removed called after it was removed, to move the focus
   */
  constructor(comments, item, { actions = [], removed }) {
    this.item = item;
    const id = `comment-${count += 1}`;
    const place = placeWords(item);
    this.text = h("textarea", {
      id, rows: 2, "aria-label": `Comment on ${place}`, "aria-describedby": `${id}-line`, dir: "auto",
      oninput: () => comments.write(item, this.text.value, this),
    });
    this.line = h("p.field-line", { id: `${id}-line`, "data-fault": "", hidden: true });
    this.node = h("div.comment-box", {},
      h("div.comment-head", {}, h("code.break", { text: place }), h("div.actions", {}, actions,
        h("button.quiet.small", {
          type: "button", "aria-label": `Remove the comment on ${place}`, text: "Remove",
          onclick: () => {
            comments.remove(item);
            removed();
          },
        }))),
      this.text, this.line);
    this.update();
  }

  /** Shows what was typed elsewhere. */
  update() {
    if (this.text.value !== this.item.body) this.text.value = this.item.body;
  }

  /** Shows an error; null for none. */
  show(fault) {
    setAttribute(this.text, "aria-invalid", fault ? "true" : null);
    setText(this.line, fault ?? "");
    this.line.hidden = !fault;
  }
}
