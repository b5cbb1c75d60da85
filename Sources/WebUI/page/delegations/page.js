// The live list of all delegations.

import { h, outLink, put, setAttribute, setText, words } from "../shared/dom.js";
import { DelegationList } from "./list.js";
import { ICON, Pipeline, icon } from "../shared/marks.js";
import { known, remember } from "../shared/memory.js";
import { age, everySecond, fully } from "../shared/time.js";
import { STATES } from "../shared/words.js";
import { VirtualList } from "./virtual.js";

const COLUMNS = ["State", "Delegation", "Pull request", "Requester", "Worker", "Age"];

/** The state of the list, restored on going back. */
const left = { query: "", top: 0, current: null };

export function open({ feed, query }) {
  return new DelegationsPage(feed, query);
}

class DelegationsPage {
  title = "Delegations";
  keys = {
    j: { does: "Next", run: () => this.#step(1) },
    k: { does: "Previous", run: () => this.#step(-1) },
    Enter: { does: "Open", run: () => this.#enter() },
    "/": { does: "Search", run: () => this.#search.select() },
  };

  #feed;
  #list = null;
  /** The shown rows: the last list's until the first page of another filter is there. */
  #rows = [];
  #virtual;
  #current = null;
  #typing = null;
  #endTicks;

  constructor(feed, query) {
    this.#feed = feed;
    this.#build(query);
    this.#endTicks = everySecond(() => this.#virtual.refresh());
  }

  opened() {
    this.#virtual = new VirtualList(this.#scroller, this.#body, {
      create: () => new Row().node,
      fill: (node, index) => {
        const row = this.#rows[index];
        node.row.fill(row, index, row.follows && this.#list.codeOf(row.follows));
      },
      key: (index) => this.#rows[index].id,
      seen: (end, top) => {
        if (end + 60 > this.#rows.length) this.#list.more();
        if (top === 0) this.#unseen(0);
      },
    });
    this.#start();
  }

  close() {
    left.query = this.#filterText();
    left.top = this.#scroller.scrollTop;
    left.current = this.#active;
    clearTimeout(this.#typing);
    this.#endTicks();
    this.#list?.close();
    this.#virtual.close();
  }

  // MARK: Elements

  #search;
  #state;
  #repository;
  #scroller;
  #body;
  #count;
  #fresh;
  #message;
  #table;

  #build(query) {
    this.#search = h("input", {
      type: "search", value: query.get("q") ?? "", placeholder: "Title, branch, repository or code",
      "aria-label": "Search delegations", "aria-keyshortcuts": "/", autocomplete: "off",
      spellcheck: "false",
      oninput: () => this.#later(),
      onkeydown: (event) => {
        if (event.key === "Escape" || event.key === "Enter") this.#search.blur();
        if (event.key === "ArrowDown" || event.key === "Enter") {
          event.preventDefault();
          this.#step(1);
        }
      },
    });
    this.#state = h("select", { "aria-label": "State", onchange: () => this.#filter() },
      h("option", { value: "", text: "All states" }),
      STATES.map((state) => h("option", { value: state, text: state })));
    this.#state.value = query.get("state") ?? "";
    this.#repository = h("input", {
      value: query.get("repo") ?? "", list: "repositories", placeholder: "All repositories",
      "aria-label": "Repository", autocomplete: "off", spellcheck: "false",
      oninput: () => this.#later(),
    });
    this.#count = h("span.count", { role: "status", "aria-live": "off" });
    this.#fresh = h("button.fresh.small", {
      type: "button", hidden: true, onclick: () => this.#scroller.scrollTo({ top: 0 }),
    });
    this.#body = h("div.rows", { role: "rowgroup" });
    this.#message = h("div.list-message", { role: "status" });
    const head = h("div.row.head", { role: "row" },
      COLUMNS.map((name, i) => h(`div.c${i}`, { role: "columnheader", text: name })));
    this.#table = h("div.table", { role: "table", "aria-label": "Delegations" },
      h("div.rows-head", { role: "rowgroup" }, head), this.#body);
    this.#scroller = h("div.scroller", { tabindex: -1 }, this.#table, this.#message);
    this.node = h("section.page.list-page", {},
      h("div.toolbar", {}, h("h1", { tabindex: -1, text: "Delegations" }), this.#count,
        h("div.filters", {},
          h("div.search", {}, this.#search, h("kbd", { "aria-hidden": "true", text: "/" })),
          this.#state, this.#repository,
          h("datalist", { id: "repositories" },
            known("repositories").map((name) => h("option", { value: name }))))),
      h("div.list-frame", {}, this.#scroller, this.#fresh));
  }

  // MARK: Rendering

  get #wanted() {
    return {
      state: this.#state.value, repository: this.#repository.value.trim(),
      search: this.#search.value.trim(),
    };
  }

  #filterText() {
    const { state, repository, search } = this.#wanted;
    const query = new URLSearchParams();
    if (state) query.set("state", state);
    if (repository) query.set("repo", repository);
    if (search) query.set("q", search);
    return query.toString();
  }

  #later() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#filter(), 150);
  }

  #filter() {
    const text = this.#filterText();
    history.replaceState(null, "", `#/delegations${text && "?"}${text}`);
    this.#start();
  }

  #start() {
    this.#list?.close();
    const list = new DelegationList(this.#feed, this.#wanted, (change) => {
      if (list === this.#list) this.#show(change);
    });
    this.#current = null;
    this.#list = list;
    this.#unseen(0);
    setAttribute(this.#scroller, "aria-busy", "true");
    list.more();
  }

  #show({ above }) {
    const { rows, state } = this.#list;
    this.#rows = rows;
    setAttribute(this.#scroller, "aria-busy", null);
    setAttribute(this.#table, "aria-rowcount", state === "end" ? rows.length + 1 : -1);
    setText(this.#count, count(rows.length, state));
    if (above > 0 && this.#scroller.scrollTop > 0) this.#unseen(this.#unseenCount + above);
    this.#virtual.update(rows.length, above);
    this.#explain();
    this.#remember(rows);
    if (rows.length === 0) return;
    if (left.query === this.#filterText()) {
      if (left.top > 0) this.#scroller.scrollTop = left.top;
      this.#current ??= left.current;
      left.top = 0;
      left.current = null;
    }
    if (this.#asked !== 0) this.#step(this.#asked);
  }

  #remembered = false;

  #remember(rows) {
    if (this.#remembered || rows.length === 0) return;
    this.#remembered = true;
    const names = new Set(rows.slice(0, 100).map((row) => row.repository));
    for (const name of names) remember("repositories", name);
  }

  #explain() {
    const { rows, state, problem } = this.#list;
    if (state === "failed") {
      put(this.#message, h("p", { text: problem.message }),
        h("button", { type: "button", text: "Try again", onclick: () => this.#list.more() }));
    } else if (rows.length > 0) {
      put(this.#message);
    } else if (this.#filterText()) {
      put(this.#message, h("p", { text: "No delegation is like that." }),
        h("button", { type: "button", text: "Show all", onclick: () => this.#clear() }));
    } else {
      put(this.#message, h("h2", { text: "Nothing was delegated yet" }),
        h("p", { text: "Say what you want, and an agent opens a pull request with it." }),
        h("a.button.primary", { href: "#/delegate", text: "Delegate the first" }));
    }
  }

  #clear() {
    this.#state.value = "";
    this.#repository.value = "";
    this.#search.value = "";
    this.#filter();
    this.#search.focus();
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
    const { rows, state } = this.#list;
    this.#asked = state === "empty" ? this.#asked + by : 0;
    if (rows.length === 0) return;
    const active = this.#active;
    const now = rows.findIndex((row) => row.id === active);
    const next = Math.min(rows.length - 1, Math.max(0, now + by));
    this.#current = rows[next].id;
    this.#virtual.scrollTo(next);
    this.#virtual.node(next)?.row.focus();
  }

  /** The row with the focus, or the last one that had it. */
  get #active() {
    return document.activeElement?.closest?.(".row")?.row?.id ?? this.#current;
  }

  #enter() {
    const active = document.activeElement;
    if (active?.closest(".row")) active.click();
    else if (this.#current) location.hash = `#/delegations/${this.#current}`;
  }
}

function count(n, state) {
  if (state === "failed") return "";
  return state === "end" ? `${n}` : `${n}+`;
}

/** One row's node, reused for different delegations. */
class Row {
  id = null;
  #pipeline = new Pipeline();
  #word = h("span.state-word");
  #note = h("span.note");
  #title = words("", "bdi");
  #mark = h("span.follow-mark", { hidden: true }, icon(ICON.follows));
  #link = h("a.row-link", {}, this.#mark, this.#title);
  #repository = h("span.repository", { dir: "auto" });
  #code = h("span.code");
  #follows = h("span.follows", { hidden: true });
  #pull = h("span");
  #requester = words("");
  #worker = h("span");
  #age = h("time", { onpointerenter: () => setAttribute(this.#age, "title", fully(this.#requestedAt)) });
  #requestedAt = null;
  #pullKey = "";

  constructor() {
    this.node = h("div.row", { role: "row" },
      h("div.c0", { role: "cell" }, this.#pipeline.node,
        h("span.state-line", {}, this.#word, this.#note)),
      h("div.c1", { role: "cell" }, this.#link,
        h("span.sub", {}, this.#repository, this.#code, this.#follows)),
      h("div.c2", { role: "cell" }, this.#pull),
      h("div.c3", { role: "cell" }, this.#requester),
      h("div.c4", { role: "cell" }, this.#worker),
      h("div.c5", { role: "cell" }, this.#age));
    this.node.row = this;
  }

  focus() {
    this.#link.focus({ preventScroll: true });
  }

  /** @param followed the code of the delegation that it follows, if that is known */
  fill(row, index, followed) {
    this.id = row.id;
    setAttribute(this.node, "aria-rowindex", index + 2);
    setAttribute(this.node, "data-state", row.state);
    this.#pipeline.update(row);
    setText(this.#word, row.state);
    setText(this.#note, note(row));
    setText(this.#title, row.title);
    setAttribute(this.#link, "href", `#/delegations/${row.id}`);
    setText(this.#repository, row.repository);
    setText(this.#code, row.code);
    this.#mark.hidden = !row.follows;
    this.#follows.hidden = !row.follows;
    setText(this.#follows, row.follows ? `follows ${followed ?? "another"}` : "");
    this.#showPull(row);
    setText(this.#requester, row.requester);
    setText(this.#worker, row.worker ?? "–");
    this.#requestedAt = row.requestedAt;
    setText(this.#age, age(row.requestedAt));
  }

  #showPull({ pullRequest }) {
    const key = pullRequest ? `${pullRequest.html_url} ${pullRequest.state}` : "";
    if (key === this.#pullKey) return;
    this.#pullKey = key;
    if (!pullRequest) {
      put(this.#pull, "–");
      return;
    }
    const { number, html_url: address, state } = pullRequest;
    put(this.#pull, outLink(address, `#${number}`), state && state !== "open" ? ` ${state}` : "");
  }
}

/** The note beside the state. */
function note(row) {
  if (row.quarantine) return "in quarantine";
  if (row.failure) return row.failure;
  if (row.cancelRequested) return "being cancelled";
  if (row.waiting) return "waits";
  if (row.attempt > 1) return `attempt ${row.attempt}`;
  return "";
}

