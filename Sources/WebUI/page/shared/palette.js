// The command palette: pages, commands, filters, repositories and tasks by a few typed letters. It is
// loaded when it is first opened.

import { json } from "./api.js";
import { h, put, setAttribute, words } from "./dom.js";
import { filterAddress, savedFilters } from "./filters.js";
import { known } from "./memory.js";
import { NEEDS, PHASES } from "./phases.js";

const SEARCH_AFTER_MS = 120;
const TASKS_MAX = 8;
const SHOWN_MAX = 14;

const PAGES = [["Delegations", "#/delegations"], ["Workers", "#/workers"], ["Health", "#/health"],
  ["Usage", "#/usage"], ["Audit", "#/audit"]];

/**
 * Opens the palette.
 * @param commands `[name, run, key]` of the shown page and of the whole page
 */
export function openPalette(commands) {
  const palette = new Palette(commands);
  document.body.append(palette.node);
  palette.node.showModal();
  palette.input.focus();
}

class Palette {
  #all;
  #tasks = [];
  #shown = [];
  #chosen = 0;
  #timer = null;
  #stop = new AbortController();
  #list = h("ul.palette-list", { id: "palette-list", role: "listbox", "aria-label": "Commands" });
  #status = h("p.visually-hidden", { role: "status" });

  constructor(commands) {
    this.input = h("input", {
      type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list",
      "aria-autocomplete": "list", "aria-label": "Go to or do", autocomplete: "off", spellcheck: "false",
      placeholder: "Go to or do: a page, a task, a repository, a command",
      oninput: () => this.#typed(), onkeydown: (event) => this.#key(event),
    });
    this.#all = [
      ...commands.map(([title, run, key]) => ({ title, kind: "Command", key, run })),
      ...PAGES.map(([title, address]) => ({ title, kind: "Page", address })),
      ...Object.entries(NEEDS).map(([need, title]) => ({ title, kind: "Filter", address: filterAddress({ need }) })),
      ...savedFilters().map(({ name, text }) => ({ title: name, kind: "Saved filter", address: `#/delegations?${text}` })),
      ...known("repositories").map((name) => ({ title: name, kind: "Repository", address: `#/repositories/${name}` })),
    ];
    this.node = h("dialog.palette", { "aria-label": "Command palette" }, this.input, this.#list, this.#status);
    this.node.addEventListener("close", () => {
      clearTimeout(this.#timer);
      this.#stop.abort();
      this.node.remove();
    });
    this.node.addEventListener("click", (event) => { if (event.target === this.node) this.node.close(); });
    this.#show();
  }

  #typed() {
    this.#chosen = 0;
    this.#tasks = [];
    this.#show();
    clearTimeout(this.#timer);
    this.#stop.abort();
    if (this.input.value.trim() !== "") this.#timer = setTimeout(() => this.#search(), SEARCH_AFTER_MS);
  }

  async #search() {
    const stop = this.#stop = new AbortController();
    try {
      const { items } = await json("api/tasks", {
        query: { q: this.input.value.trim(), limit: TASKS_MAX }, signal: stop.signal });
      this.#tasks = items.map(({ title, phase, delegation: d }) => ({
        title: title ?? d.confirmationCode, kind: PHASES[phase], address: `#/delegations/${d.id}`,
        more: `${d.repository.owner}/${d.repository.repo}` }));
      this.#show();
    } catch {
      // The commands are there without the tasks.
    }
  }

  #show() {
    const terms = this.input.value.toLowerCase().split(/\s+/).filter((term) => term !== "");
    const found = this.#all.filter(({ title, kind }) => {
      const text = `${title} ${kind}`.toLowerCase();
      return terms.every((term) => text.includes(term));
    });
    const exact = found.filter(({ title }) => terms.length > 0 && title.toLowerCase().startsWith(terms[0]));
    const rest = found.filter((item) => !exact.includes(item));
    this.#shown = [...exact, ...(terms.length > 0 ? this.#tasks : []), ...rest].slice(0, SHOWN_MAX);
    put(this.#list, this.#shown.map((item, index) => h("li.palette-item", {
      id: `palette-${index}`, role: "option", onclick: () => this.#run(item),
      onpointermove: () => this.#choose(index),
    }, h("span.palette-title", {}, words(item.title), item.more ? h("bdi.muted", { text: item.more }) : null),
    h("span.muted", { text: item.kind }), item.key ? h("kbd", { text: item.key }) : null)),
    this.#shown.length === 0 ? h("li.palette-none.muted", { role: "option", "aria-disabled": "true",
      text: "Nothing is like that." }) : null);
    this.#choose(Math.min(this.#chosen, Math.max(0, this.#shown.length - 1)));
  }

  #choose(index) {
    this.#chosen = index;
    for (const [i, node] of [...this.#list.children].entries()) {
      setAttribute(node, "aria-selected", i === index ? "true" : "false");
    }
    setAttribute(this.input, "aria-activedescendant", this.#shown[index] ? `palette-${index}` : null);
    this.#list.children[index]?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    const { length } = this.#shown;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (length > 0) this.#choose((this.#chosen + (event.key === "ArrowDown" ? 1 : length - 1)) % length);
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      const item = this.#shown[this.#chosen];
      if (item) this.#run(item);
    }
  }

  #run(item) {
    this.node.close();
    if (item.address) location.hash = item.address;
    else item.run();
  }
}
