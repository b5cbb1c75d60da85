// The files of a change as a tree (https://www.w3.org/WAI/ARIA/apg/patterns/treeview/): one row is in
// the focus order, arrow keys move to the others and fold folders.

import { h, put, setAttribute, setText, words } from "../shared/dom.js";

const LETTERS = { added: "A", deleted: "D", renamed: "R", changed: "M" };

export class FileTree {
  #rows = [];
  #byFile = new Map();
  #stop = null;
  #address;
  #list = h("div.tree-rows", { role: "tree", "aria-label": "Files of the change", onkeydown: (event) => this.#key(event) });
  #none = h("p.hint", { role: "status" });
  #filter = h("input", {
    type: "search", placeholder: "Filter files", "aria-label": "Filter files", autocomplete: "off",
    spellcheck: "false", oninput: () => this.#show(),
  });

  /** @param address the address of a file */
  constructor(address) {
    this.#address = address;
    this.node = h("div.tree", {}, this.#filter, this.#none, this.#list);
  }

  focusFilter() {
    this.#filter.focus();
    this.#filter.select();
  }

  /** @param isViewed says whether a file was viewed */
  update(files, isViewed) {
    this.#rows = [];
    this.#byFile.clear();
    this.#stop = null;
    this.#filter.hidden = files.length < 8;
    this.#filter.value = "";
    this.#add(folderOf(files), 1, null, isViewed);
    put(this.#list, this.#rows.map(({ node }) => node));
    this.#show();
    this.#setStop(this.#rows[0]);
  }

  #add(folder, level, parent, isViewed) {
    for (const [name, entry] of folder.entries) {
      const row = { level, parent, file: entry.file ?? null, isFolded: false };
      this.#rows.push(row);
      const props = { role: "treeitem", "aria-level": level, tabindex: -1 };
      if (row.file) {
        const { file } = row;
        row.node = h("a.tree-row", { ...props, href: this.#address(file), title: file.path, onclick: () => this.#setStop(row) },
          h("span.tree-letter", { "data-kind": file.kind, role: "img", "aria-label": file.kind, text: LETTERS[file.kind] }),
          words(name), file.isBinary ? null : h("span.diff-count", { text: `+${file.added} −${file.removed}` }));
        this.#byFile.set(file, row);
        this.setViewed(file, isViewed(file));
      } else {
        row.node = h("div.tree-row.tree-folder", { ...props, "aria-expanded": "true", onclick: () => this.#fold(row, !row.isFolded) },
          h("span.tree-mark", { "aria-hidden": "true" }), words(name));
        this.#add(entry, level + 1, row, isViewed);
      }
      row.node.style.paddingInlineStart = `${4 + (level - 1) * 14}px`;
      row.node.row = row;
    }
  }

  setViewed(file, isViewed) {
    const row = this.#byFile.get(file);
    if (!row) return;
    if (isViewed === row.node.hasAttribute("data-viewed")) return;
    setAttribute(row.node, "data-viewed", isViewed);
    if (isViewed) row.node.append(h("span.tree-seen", { role: "img", "aria-label": "viewed", text: "✓" }));
    else row.node.lastChild.remove();
  }

  /** Marks the file that is on the screen. */
  setCurrent(file) {
    for (const [other, { node }] of this.#byFile) setAttribute(node, "aria-current", other === file ? "true" : null);
    const row = this.#byFile.get(file);
    // Rows do not move under the pointer: a click would meet another one.
    if (!row || row.node.hidden || this.#list.clientHeight === 0 || this.#list.matches(":hover")) return;
    const [top, bottom] = [this.#list.scrollTop, this.#list.scrollTop + this.#list.clientHeight];
    const at = row.node.offsetTop - this.#list.offsetTop;
    if (at < top || at + row.node.offsetHeight > bottom) this.#list.scrollTop = at - this.#list.clientHeight / 2;
  }

  #show() {
    const wanted = this.#filter.value.trim().toLowerCase();
    let count = 0;
    const shown = new Set();
    for (const row of this.#rows) {
      if (!row.file || (wanted !== "" && !row.file.path.toLowerCase().includes(wanted))) continue;
      count += 1;
      for (let each = row; each; each = each.parent) shown.add(each);
    }
    for (const row of this.#rows) {
      let isOpen = true;
      // What is looked for is found in folded folders, too.
      for (let each = row.parent; each && wanted === ""; each = each.parent) isOpen &&= !each.isFolded;
      row.node.hidden = !shown.has(row) || !isOpen;
    }
    setText(this.#none, count === 0 ? "No file has this in its path." : "");
    if (this.#stop?.node.hidden) this.#setStop(this.#rows.find(({ node }) => !node.hidden));
  }

  #fold(row, isFolded) {
    row.isFolded = isFolded;
    setAttribute(row.node, "aria-expanded", String(!isFolded));
    this.#setStop(row);
    this.#show();
  }

  #setStop(row) {
    if (this.#stop) this.#stop.node.tabIndex = -1;
    this.#stop = row ?? null;
    if (row) row.node.tabIndex = 0;
  }

  #key(event) {
    const row = event.target.row;
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const shown = this.#rows.filter(({ node }) => !node.hidden);
    const at = shown.indexOf(row);
    const isFolder = row.file === null;
    let next = null;
    switch (event.key) {
      case "ArrowDown": next = shown[at + 1]; break;
      case "ArrowUp": next = shown[at - 1]; break;
      case "Home": [next] = shown; break;
      case "End": next = shown.at(-1); break;
      case "ArrowRight":
        if (isFolder && row.isFolded) this.#fold(row, false);
        else if (isFolder) next = shown[at + 1];
        break;
      case "ArrowLeft":
        if (isFolder && !row.isFolded) this.#fold(row, true);
        else next = row.parent;
        break;
      case "Enter": case " ":
        if (isFolder) this.#fold(row, !row.isFolded);
        else row.node.click();
        break;
      default: return;
    }
    event.preventDefault();
    if (!next) return;
    this.#setStop(next);
    next.node.focus();
  }
}

/** The files by folder, in their order. A folder with nothing but one folder is shown with it. */
function folderOf(files) {
  const root = { entries: new Map() };
  for (const file of files) {
    const parts = (file.plainPath ?? file.path).split("/");
    let folder = root;
    for (const part of parts.slice(0, -1)) {
      const name = `${part}/`;
      if (!folder.entries.has(name)) folder.entries.set(name, { entries: new Map() });
      folder = folder.entries.get(name);
    }
    folder.entries.set(parts.at(-1), { file });
  }
  return joined(root);
}

function joined(folder) {
  const entries = new Map();
  for (const [name, entry] of folder.entries) {
    if (entry.file) {
      entries.set(name, entry);
      continue;
    }
    const inner = joined(entry);
    const [only] = inner.entries;
    if (inner.entries.size === 1 && !only[1].file) entries.set(name + only[0], only[1]);
    else entries.set(name, inner);
  }
  return { entries };
}
