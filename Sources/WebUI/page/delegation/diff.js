// A patch in git's format, by file and line. An agent's text is shown as text; characters that change
// its direction are made visible.

import { Problem, address, delegationRoute, request } from "../shared/api.js";
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
  #body = h("div.diff");

  constructor(ref) {
    this.#ref = ref;
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
    let [added, removed] = [0, 0];
    for (const file of files) {
      added += file.added;
      removed += file.removed;
    }
    setText(this.#note, files.length === 0 ? "The change is empty."
      : `${files.length} ${files.length === 1 ? "file" : "files"}, ${added} added, `
        + `${removed} removed`);
    this.#download.hidden = files.length === 0;
    let open = 0;
    put(this.#body, files.map((file) => {
      open += file.lines.length;
      return fileNode(file, open <= OPEN_LINES_MAX || file === files[0]);
    }));
  }
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

function fileNode(file, open) {
  const body = h("div.diff-lines", { role: "table", "aria-label": `Change of ${file.path}` });
  const node = h("details.diff-file", { open },
    h("summary", {}, words(file.path), file.from ? h("span.muted", {}, " from ", words(file.from)) : null,
      h("span.diff-kind", { text: file.kind === "changed" ? "" : file.kind }),
      h("span.diff-count", { text: `+${file.added} −${file.removed}` })), body);
  const fill = () => {
    if (body.firstChild || !node.open) return;
    put(body, file.lines.slice(0, FILE_LINES_MAX).map(lineNode),
      file.lines.length > FILE_LINES_MAX
        ? h("p.hint", { text: `${file.lines.length - FILE_LINES_MAX} more lines are in the download.` })
        : null);
  };
  node.addEventListener("toggle", fill);
  if (open) fill();
  return node;
}

const SAID = { "+": "added", "-": "removed" };

function lineNode({ kind, text, old, now }) {
  if (kind === "@" || kind === "\\") {
    return h("div.diff-line", { role: "row", "data-kind": kind },
      h("span.diff-code", { role: "cell" }, kind === "@" ? `⋯ ${text}` : text));
  }
  const cut = text.length > LINE_CHARS_MAX;
  const parts = visible(cut ? text.slice(0, LINE_CHARS_MAX) : text);
  return h("div.diff-line", { role: "row", "data-kind": kind },
    h("span.diff-number", { role: "cell", text: old ?? "" }),
    h("span.diff-number", { role: "cell", text: now ?? "" }),
    h("span.diff-sign", { role: "cell", "aria-label": SAID[kind], text: kind === "-" ? "−" : kind }),
    h("span.diff-code", { role: "cell" }, parts.map((part) => (typeof part === "string" ? part
      : h("span.unseen", { text: part.mark }))),
    cut ? h("span.hint", { text: ` … ${text.length - LINE_CHARS_MAX} more characters` }) : null));
}
