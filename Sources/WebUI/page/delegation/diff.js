// A patch in git's format, by file and line. An agent's text is shown as text; characters that change
// its direction are made visible.

import { Problem, address, delegationRoute, request } from "../shared/api.js";
import { CommentBox } from "../conversation/comments.js";
import { h, put, setText, words } from "../shared/dom.js";
import { visible } from "../shared/terminal.js";

/** The most lines that are rendered at once; further files are opened individually. */
const OPEN_LINES_MAX = 2000;
const FILE_LINES_MAX = 10_000;
const LINE_CHARS_MAX = 4000;

export class DiffView {
  #ref;
  #shown = null;
  #wanted = null;
  #active = false;
  #stop = new AbortController();
  #note = h("span.hint", { role: "status" });
  #download;
  #body = h("div.diff", { onkeydown: (event) => this.#key(event) });
  #comments;
  #canAsk = false;
  #files = null;
  /** The lines that can be commented on: `{node, box}` by path and line. */
  #places = new Map();

  /**
   * @param ref the delegation
   * @param comments the comments on lines that were not sent yet
   * @param toForm called to show the form that sends them
   */
  constructor(ref, comments, toForm) {
    this.#ref = ref;
    this.#comments = comments;
    this.#toForm = toForm;
    comments.onChange((source) => this.#commentsChanged(source));
    this.#download = h("a.button.small", {
      hidden: true, text: "Download", "aria-label": "Download the patch", target: "_blank",
      rel: "noopener", href: address(delegationRoute(ref, "diff")),
    });
    this.node = h("div.diff-view", {},
      h("div.view-bar", {}, this.#note, this.#download), this.#body);
    setText(this.#note, "No change was handed in yet.");
  }

  close() {
    this.#stop.abort();
  }

  setActive(active) {
    this.#active = active;
    this.#load();
  }

  /** @param commit the newest commit that was handed in; null if there is none yet */
  update(commit) {
    this.#wanted = commit;
    this.#load();
  }

  /** Sets whether lines can be commented on. */
  allowComments(allowed) {
    if (allowed === this.#canAsk) return;
    this.#canAsk = allowed;
    if (this.#files) this.#show(this.#files);
  }

  async #load() {
    const commit = this.#wanted;
    if (!this.#active || commit === null || commit === this.#shown) return;
    this.#shown = commit;
    setText(this.#note, "Reading the change…");
    try {
      const { signal } = this.#stop;
      const response = await request(delegationRoute(this.#ref, "diff"), { signal });
      this.#show(parsePatch(await response.text()));
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#shown = null;
      const text = error instanceof Problem ? `${error.message} ${error.hint}` : "It was cut off.";
      put(this.#note, `${text} `);
    }
  }

  #show(files) {
    this.#files = files;
    this.#places.clear();
    let [added, removed] = [0, 0];
    for (const file of files) {
      added += file.added;
      removed += file.removed;
    }
    setText(this.#note, files.length === 0 ? "The change is empty."
      : `${files.length} ${files.length === 1 ? "file" : "files"}, ${added} added, `
        + `${removed} removed${this.#canAsk ? ". Choose a line's number to comment on it." : ""}`);
    this.#download.hidden = files.length === 0;
    let open = 0;
    put(this.#body, files.map((file) => {
      open += file.lines.length;
      return this.#fileNode(file, open <= OPEN_LINES_MAX || file === files[0]
        || this.#comments.items.some(({ path }) => path === file.plainPath));
    }));
    this.#showComments();
  }

  // MARK: Comments on lines

  #toForm;

  /** Other boxes show what was typed in `source`; null if a comment was begun or removed. */
  #commentsChanged(source) {
    if (source === null) this.#showComments();
    else for (const { box } of this.#places.values()) box?.update();
  }

  #showComments() {
    for (const [key, place] of this.#places) {
      const item = this.#canAsk ? this.#comments.items.find((each) => keyOf(each) === key) : undefined;
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

  #comment(path, line) {
    const item = this.#comments.begin(path, line);
    this.#places.get(keyOf(item))?.box?.text.focus();
  }

  /** One line's button is in the focus order of each file; arrow keys move to the others. */
  #key(event) {
    const button = event.target.closest(".diff-number > button");
    if (!button || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = [...button.closest(".diff-lines").querySelectorAll(".diff-number > button")];
    const index = all.indexOf(button);
    const to = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = all[Math.min(all.length - 1, Math.max(0, to))];
    button.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  #fileNode(file, open) {
    const body = h("div.diff-lines", { role: "table", "aria-label": `Change of ${file.path}` });
    const node = h("details.diff-file", { open },
      h("summary", {}, words(file.path), file.from ? h("span.muted", {}, " from ", words(file.from)) : null,
        h("span.diff-kind", { text: file.kind === "changed" ? "" : file.kind }),
        h("span.diff-count", { text: `+${file.added} −${file.removed}` })), body);
    const fill = () => {
      if (body.firstChild || !node.open) return;
      put(body, file.lines.slice(0, FILE_LINES_MAX).map((line) => this.#lineNode(file.plainPath, line)),
        file.lines.length > FILE_LINES_MAX
          ? h("p.hint", { text: `${file.lines.length - FILE_LINES_MAX} more lines are in the download.` })
          : null);
      const first = body.querySelector(".diff-number > button");
      if (first) first.tabIndex = 0;
      if (this.#comments.items.length > 0) this.#showComments();
    };
    node.addEventListener("toggle", fill);
    if (open) fill();
    return node;
  }

  #lineNode(path, { kind, text, old, now }) {
    if (kind === "@" || kind === "\\") {
      return h("div.diff-line", { role: "row", "data-kind": kind },
        h("span.diff-code", { role: "cell" }, kind === "@" ? `⋯ ${text}` : text));
    }
    const cut = text.length > LINE_CHARS_MAX;
    const parts = visible(cut ? text.slice(0, LINE_CHARS_MAX) : text);
    const canAsk = this.#canAsk && now !== null && path !== null;
    const node = h("div.diff-line", { role: "row", "data-kind": kind },
      h("span.diff-number", { role: "cell", text: old ?? "" }),
      h("span.diff-number", { role: "cell" }, canAsk ? h("button", {
        type: "button", tabindex: -1, "aria-label": `Comment on line ${now}`, text: now,
        onclick: () => this.#comment(path, now),
      }) : now ?? ""),
      h("span.diff-sign", { role: "cell", "aria-label": SAID[kind], text: kind === "-" ? "−" : kind }),
      h("span.diff-code", { role: "cell" }, parts.map((part) => (typeof part === "string" ? part
        : h("span.unseen", { text: part.mark }))),
      cut ? h("span.hint", { text: ` … ${text.length - LINE_CHARS_MAX} more characters` }) : null));
    if (canAsk) this.#places.set(keyOf({ path, line: now }), { node, box: null });
    return node;
  }
}

function keyOf({ path, line }) {
  return `${line}:${path}`;
}

/** @returns {{path, from, kind, added, removed, lines: {kind, text, old, now}[]}[]} */
export function parsePatch(text) {
  const files = [];
  let file = null;
  let [old, now] = [0, 0];
  let inHunk = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("diff --git ")) {
      file = { path: gitPath(line), from: null, kind: "changed", added: 0, removed: 0, lines: [] };
      files.push(file);
      inHunk = false;
      continue;
    }
    if (!file) continue;
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)$/.exec(line);
    if (hunk) {
      [old, now] = [Number(hunk[1]), Number(hunk[2])];
      inHunk = true;
      // A new file is one hunk, which needs no heading.
      const isWhole = old === 0 || now === 0;
      if (!isWhole) file.lines.push({ kind: "@", text: hunk[3].trim(), old: null, now: null });
    } else if (!inHunk) {
      header(file, line);
    } else if (line.startsWith("+")) {
      file.added += 1;
      file.lines.push({ kind: "+", text: line.slice(1), old: null, now: now++ });
    } else if (line.startsWith("-")) {
      file.removed += 1;
      file.lines.push({ kind: "-", text: line.slice(1), old: old++, now: null });
    } else if (line.startsWith(" ")) {
      file.lines.push({ kind: " ", text: line.slice(1), old: old++, now: now++ });
    } else if (line.startsWith("\\")) {
      file.lines.push({ kind: "\\", text: "No line end at the end of the file", old: null, now: null });
    }
  }
  for (const each of files) each.plainPath = unquoted(each.path);
  return files;
}

function header(file, line) {
  if (line.startsWith("new file")) file.kind = "added";
  else if (line.startsWith("deleted file")) file.kind = "deleted";
  else if (line.startsWith("rename from ")) {
    file.kind = "renamed";
    file.from = line.slice("rename from ".length);
  } else if (line.startsWith("rename to ")) file.path = line.slice("rename to ".length);
  else if (line.startsWith("+++ ") && line !== "+++ /dev/null") {
    file.path = line.slice(4).replace(/^("?)b\//, "$1");
  } else if (/^(Binary files|GIT binary patch)/.test(line)) {
    file.lines.push({ kind: "\\", text: "A binary file", old: null, now: null });
  }
}

/** `diff --git a/PATH b/PATH`: both paths are equal unless the file was renamed. */
function gitPath(line) {
  const rest = line.slice("diff --git ".length);
  return rest.slice((rest.length + 1) / 2).replace(/^("?)b\//, "$1");
}

/**
 * The path that git wrote, which quotes some (git-config(1), core.quotePath).
 * @returns null if it is not text
 */
function unquoted(path) {
  if (!path.startsWith("\"")) return path;
  const bytes = [];
  for (const [, octal, escape, plain] of path.slice(1, -1)
    .matchAll(/\\([0-7]{3})|\\(.)|([^\\]+)/g)) {
    if (octal) bytes.push(Number.parseInt(octal, 8));
    else bytes.push(...new TextEncoder().encode(escape ? ESCAPES[escape] ?? escape : plain));
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  } catch {
    return null;
  }
}

const ESCAPES = { a: "\x07", b: "\b", t: "\t", n: "\n", v: "\v", f: "\f", r: "\r" };

const SAID = { "+": "added", "-": "removed" };
