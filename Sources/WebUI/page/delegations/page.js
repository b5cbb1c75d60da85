// Home: the tasks by what they wait for, or those of a filter.

import { TaskBoard } from "./board.js";
import { FilterBar } from "./filter-bar.js";
import { COLUMNS, Head, Row } from "./row.js";
import { Selection } from "./selection.js";
import { VirtualList } from "./virtual.js";
import { h, put, setAttribute, setText } from "../shared/dom.js";
import { filterAddress, filterText, lastList, momentsOf } from "../shared/filters.js";
import { me } from "../shared/me.js";
import { remember } from "../shared/memory.js";
import { NEEDS } from "../shared/phases.js";
import { QueueWatch } from "../shared/queue.js";
import { everySecond } from "../shared/time.js";

/** The rows of a section that is not the last, before a link to all of them. */
const SHOWN_MAX = 8;

/** The state of the list, restored on going back. */
const left = { address: "", top: 0, current: null };

export function open({ feed, ref, query }) {
  return new DelegationsPage(feed, ref, query);
}

class DelegationsPage {
  keys = {
    j: { does: "Next", run: () => this.#step(1) },
    k: { does: "Previous", run: () => this.#step(-1) },
    Enter: { does: "Open", run: () => this.#enter() },
    x: { does: "Select", run: () => this.#toggle() },
    "/": { does: "Search", run: () => this.#bar.focus() },
  };

  #feed;
  /** The repository of a repository's page; null on others. */
  #repository;
  #board = null;
  #queue;
  /** The items of the list: rows, and headings as `{head}`. The last filter's until the first page of another. */
  #items = [];
  #rows = [];
  #heads = [];
  #virtual;
  #current = null;
  #endTicks;
  #selection = new Selection(() => this.#virtual?.refresh());
  #bar;

  constructor(feed, repository, query) {
    this.#feed = feed;
    this.#repository = repository;
    this.title = repository ?? "Delegations";
    this.#bar = new FilterBar(query, repository, () => this.#filter(), () => this.#step(1));
    this.#build();
    this.#endTicks = everySecond(() => this.#virtual.refresh());
    this.#queue = new QueueWatch(feed, () => this.#rows.some(({ phase }) => phase === "queued"),
      () => { if (this.#board.state !== "empty") this.#show({ above: 0 }); });
  }

  opened() {
    this.#virtual = new VirtualList(this.#scroller, this.#body, {
      create: (kind) => (kind === "head"
        ? new Head((section, isOn) => this.#selection.set(this.#shownOf(section), isOn))
        : new Row((task, event) => this.#selection.toggle(task, this.#rows, event.shiftKey))).node,
      fill: (node, index) => this.#fill(node, index),
      key: (index) => this.#items[index].first ?? this.#items[index].key,
      seen: (end, top) => {
        if (end + 60 > this.#items.length) this.#board.more();
        if (top === 0) this.#unseen(0);
      },
    });
    this.#start();
  }

  close() {
    left.address = this.#shownAddress;
    left.top = this.#scroller.scrollTop;
    left.current = this.#active;
    this.#bar.close();
    this.#endTicks();
    this.#queue.close();
    this.#board?.close();
    this.#virtual.close();
  }

  // MARK: Elements

  #scroller;
  #body;
  #count = h("span.count", { role: "status", "aria-live": "off" });
  #fresh;
  #message;
  #table;
  /** Selects all of a list without sections, whose headings have such a box, too. */
  #all = h("input", { type: "checkbox", "aria-label": "Select all that are shown", hidden: true,
    onclick: () => this.#selection.set(this.#rows, this.#all.checked) });
  #shownAddress = "";

  #build() {
    this.#fresh = h("button.fresh.small", {
      type: "button", hidden: true, onclick: () => this.#scroller.scrollTo({ top: 0 }),
    });
    this.#body = h("div.rows", { role: "rowgroup" });
    this.#message = h("div.list-message", { role: "status" });
    const head = h("div.row.head", { role: "row" },
      h("div.check-cell", { role: "columnheader" }, h("span.visually-hidden", { text: "Selected" }),
        h("label", {}, this.#all)),
      COLUMNS.map((name, i) => h(`div.c${i}`, { role: "columnheader", text: name })));
    this.#table = h("div.table", { role: "table", "aria-label": "Delegations" },
      h("div.rows-head", { role: "rowgroup" }, head), this.#body);
    this.#scroller = h("div.scroller", { tabindex: -1 }, this.#table, this.#message);
    this.node = h("section.page.list-page", {},
      h("div.toolbar", {},
        this.#repository ? h("a.crumb", { href: "#/delegations", text: "Delegations" }) : null,
        h("h1", { tabindex: -1 }, h("bdi", { text: this.title })), this.#count, this.#bar.search),
      this.#bar.node,
      h("div.list-frame", {}, this.#scroller, this.#fresh), this.#selection.node);
  }

  // MARK: Rendering

  #fill(node, index) {
    const item = this.#items[index];
    if (item.head) {
      const { section, count } = item.head;
      const shown = this.#shownOf(section);
      const isSelected = shown.length > 0 && shown.every((row) => this.#selection.has(row));
      node.head.fill({ ...item.head, title: section.name === "you" && count === "0" ? "Nothing needs you"
        : NEEDS[section.name], isSelected }, index);
      return;
    }
    const queue = item.phase === "queued" ? this.#queue.of(item.id) ?? item.queue : null;
    node.row.fill(item, index, queue, this.#selection.has(item), Date.now());
  }

  #filter() {
    history.replaceState(null, "", this.#address);
    this.#start();
  }

  get #address() {
    const { filter } = this.#bar;
    if (!this.#repository) return filterAddress(filter);
    const text = filterText({ ...filter, repo: undefined });
    return `#/repositories/${this.#repository}${text && "?"}${text}`;
  }

  #start() {
    this.#board?.close();
    const { need, phase, repo, agent, mine, q } = this.#bar.filter;
    const filter = { need, phase, repository: repo, agent, search: q, ...momentsOf(this.#bar.filter),
      requester: mine ? me?.name ?? "local" : undefined };
    this.#current = null;
    this.#shownAddress = this.#address;
    lastList.address = this.#address;
    this.#unseen(0);
    setAttribute(this.#scroller, "aria-busy", "true");
    const board = new TaskBoard(this.#feed, filter, (change) => {
      if (board === this.#board) this.#show(change);
    });
    this.#board = board;
  }

  #shownOf(section) {
    const isLast = section === this.#board.sections.at(-1);
    if (section.name === "queued" && section.state === "end") {
      return this.#inOrder(section.rows).slice(0, SHOWN_MAX);
    }
    return isLast ? section.rows : section.rows.slice(0, SHOWN_MAX);
  }

  /** The queue's order: the next one first, and those without a place at the end. */
  #inOrder(rows) {
    const placeOf = (row) => (this.#queue.of(row.id) ?? row.queue)?.place ?? Infinity;
    return rows.map((row) => ({ row, place: placeOf(row) }))
      .sort((a, b) => (a.place === b.place ? a.row.stamp - b.row.stamp : a.place - b.place))
      .map(({ row }) => row);
  }

  /** The sections with their headings as one list of items. */
  #arrange() {
    const { sections, isByNeed } = this.#board;
    if (!isByNeed) return { items: sections[0].rows, heads: [], rows: sections[0].rows };
    let items = [];
    let rows = [];
    const heads = [];
    for (const section of sections) {
      const shown = this.#shownOf(section);
      if (section.rows.length === 0 && (section.name !== "you" || !this.#hasAny)) continue;
      const isAll = shown.length === section.rows.length && section.state === "end";
      heads.push(items.length);
      const count = section.count ?? (section.state === "end" ? section.rows.length : null);
      const address = isAll || section === sections.at(-1) ? null
        : filterAddress({ ...this.#bar.filter, need: section.name });
      const head = { section, count: count === null ? "" : `${count}`, address };
      items = items.concat({ key: `head ${section.name}`, head }, shown);
      rows = rows.concat(shown);
    }
    return { items, heads, rows };
  }

  get #hasAny() { return this.#board.sections.some(({ rows }) => rows.length > 0); }

  #show({ above }) {
    const { state } = this.#board;
    const { items, heads, rows } = this.#arrange();
    this.#items = items;
    this.#heads = heads;
    this.#rows = rows;
    setAttribute(this.#scroller, "aria-busy", null);
    setAttribute(this.#table, "aria-rowcount", state === "end" ? items.length + 1 : -1);
    setText(this.#count, this.#total(state));
    this.#bar.showCounts(this.#board);
    if (above > 0 && this.#scroller.scrollTop > 0) this.#unseen(this.#unseenCount + above);
    this.#virtual.update(items.length, this.#board.isByNeed ? 0 : above, heads);
    this.#selection.refresh(rows);
    this.#showAll();
    this.#explain(state);
    this.#remember(rows);
    if (items.length === 0) return;
    if (left.address === this.#shownAddress) {
      if (left.top > 0) this.#scroller.scrollTop = left.top;
      this.#current ??= left.current;
    }
    left.address = "";
    if (this.#asked !== 0) this.#step(this.#asked);
  }

  #showAll() {
    const isFlat = !this.#board.isByNeed && this.#rows.length > 0;
    this.#all.hidden = !isFlat;
    setAttribute(this.#table, "data-flat", isFlat ? "" : null);
    this.#all.checked = isFlat && this.#rows.every((row) => this.#selection.has(row));
  }

  #total(state) {
    const { sections, isByNeed } = this.#board;
    if (state === "failed") return "";
    if (!isByNeed) return state === "end" ? `${this.#rows.length}` : `${this.#rows.length}+`;
    if (sections.some(({ count }) => count === null)) return "";
    return `${sections.reduce((sum, { count }) => sum + count, 0)}`;
  }

  #remembered = false;

  #remember(rows) {
    if (this.#remembered || rows.length === 0) return;
    this.#remembered = true;
    for (const name of new Set(rows.slice(0, 100).map((row) => row.repository))) remember("repositories", name);
    this.#bar.suggest();
  }

  #explain(state) {
    const { problem } = this.#board;
    if (state === "failed") {
      put(this.#message, h("p", { text: problem.message }),
        h("button", { type: "button", text: "Try again", onclick: () => this.#board.reload() }));
    } else if (this.#hasAny) {
      put(this.#message);
    } else if (filterText(this.#bar.filter) !== filterText(this.#bar.least)) {
      put(this.#message, h("p", { text: EMPTY[filterText(this.#bar.filter)] ?? "No task is like that." }),
        h("button", { type: "button", text: "Show all", onclick: () => this.#bar.clear() }));
    } else {
      put(this.#message, h("h2", { text: "Nothing was delegated yet" }),
        h("p", { text: "Say what you want, and an agent opens a pull request with it." }),
        h("a.button.primary", { href: "#/delegate", text: "Delegate the first" }));
    }
  }

  #unseenCount = 0;

  #unseen(n) {
    if (n === this.#unseenCount) return;
    this.#unseenCount = n;
    this.#fresh.hidden = n === 0;
    setText(this.#fresh, `${n} new above`);
  }

  // MARK: Keys

  /** Pending steps, if the next row is not loaded yet. */
  #asked = 0;

  #step(by) {
    const isPending = this.#board.state === "empty";
    this.#asked = isPending ? this.#asked + by : 0;
    if (isPending || this.#rows.length === 0) return;
    const active = this.#active;
    const now = this.#rows.findIndex((row) => row.first === active);
    const next = this.#rows[Math.min(this.#rows.length - 1, Math.max(0, now + by))];
    const index = this.#items.indexOf(next);
    this.#current = next.first;
    this.#virtual.scrollTo(index);
    this.#virtual.node(index)?.row.focus();
  }

  /** The row with the focus, or the last one that had it. */
  get #active() {
    return document.activeElement?.closest?.(".row")?.row?.task?.first ?? this.#current;
  }

  #task() {
    const active = this.#active;
    return this.#rows.find((row) => row.first === active);
  }

  #enter() {
    const active = document.activeElement;
    if (active?.matches("a, button, summary")) active.click();
    else if (this.#current) location.hash = `#/delegations/${this.#task()?.id ?? this.#current}`;
  }

  #toggle() {
    const task = this.#task();
    if (task) this.#selection.toggle(task, this.#rows);
  }
}

const EMPTY = {
  "need=you": "Nothing needs you.", "need=working": "No agent is at work.", "need=queued": "The queue is empty.",
};
