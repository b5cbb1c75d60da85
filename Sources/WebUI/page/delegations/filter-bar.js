// The filters above the list: what tasks wait for, saved filters, a search, a phase, a repository, days.

import { h, put, setAttribute, setText } from "../shared/dom.js";
import { LAST_DAY, SPANS, filterAddress, filterOf, filterText, forgetFilter, saveFilter, savedFilters } from "../shared/filters.js";
import { known } from "../shared/memory.js";
import { NEEDS, PHASES } from "../shared/phases.js";

const TYPED_AFTER_MS = 150;

export class FilterBar {
  /** What cannot be cleared: the repository of its own page. */
  least;
  filter;

  #changed;
  #entered;
  #typing = null;
  #query;
  #phase;
  #repository;
  #span;
  #from = this.#day("First day");
  #to = this.#day("Last day");
  #days = h("span.days", {}, this.#from, h("span.muted", { text: "to" }), this.#to);
  #mine;
  #more;
  #setCount = h("span.count");
  /** The fields that are set, as they were shown last. */
  #setFields = "";
  #agent = h("button.chip", { type: "button", "aria-pressed": "true", title: "Show all agents",
    onclick: () => this.#set({ ...this.filter, agent: undefined }) });
  #needs = new Map();
  #saved = h("span.saved");
  #keep = h("button.quiet.small", { type: "button", onclick: () => this.#save() });
  #names = h("datalist", { id: "repositories" });

  /**
   * @param changed called after the filter changed
   * @param entered called when the search is left for the list
   */
  constructor(query, repository, changed, entered) {
    this.#entered = entered;
    this.least = repository ? { repo: repository } : {};
    this.filter = { ...filterOf(query), ...this.least };
    this.#changed = changed;
    this.#build(repository);
    this.suggest();
    this.#show();
  }

  close() { clearTimeout(this.#typing); }

  focus() { this.#query.select(); }

  #build(repository) {
    this.#query = h("input", {
      type: "search", placeholder: "Search: words, or \"a phrase\"", "aria-label": "Search delegations",
      "aria-keyshortcuts": "/", autocomplete: "off", spellcheck: "false", oninput: () => this.#later(),
      onkeydown: (event) => {
        if (event.isComposing) return;
        if (event.key === "Escape" || event.key === "Enter") this.#query.blur();
        if (event.key === "Enter" || event.key === "ArrowDown") {
          event.preventDefault();
          this.#apply();
          this.#entered();
        }
      },
    });
    this.search = h("div.search", {}, this.#query, h("kbd", { "aria-hidden": "true", text: "/" }));
    this.#phase = h("select", { "aria-label": "Status", onchange: () => this.#apply() },
      h("option", { value: "", text: "Any status" }),
      Object.entries(PHASES).map(([value, text]) => h("option", { value, text })));
    this.#repository = h("input", {
      list: "repositories", placeholder: "Any repository", "aria-label": "Repository", autocomplete: "off",
      spellcheck: "false", autocapitalize: "off", oninput: () => this.#later(),
    });
    this.#span = h("select", { "aria-label": "Requested", onchange: () => this.#chooseSpan() },
      h("option", { value: "", text: "Any time" }),
      Object.entries({ ...SPANS, days: { name: "Between days" } })
        .map(([value, { name }]) => h("option", { value, text: name })));
    this.#mine = h("button.chip", { type: "button", text: "Mine", onclick: () => this.#toggleMine() });
    const needs = Object.entries({ "": "Overview", ...NEEDS }).map(([need, text]) => {
      const count = h("span.count");
      const link = h("a.chip", { onclick: (event) => this.#choose(event, need) }, text, count);
      this.#needs.set(need, { link, count });
      return link;
    });
    const filters = h("div.filters", { id: "filters" }, this.#phase, this.#span, this.#days,
      repository ? null : this.#repository, this.#keep, this.#names);
    this.#more = h("button.chip.more", { type: "button", "aria-controls": "filters",
      onclick: () => this.#fold(this.node.classList.contains("open")) }, "Filters", this.#setCount);
    this.node = h("div.filter-bar", {},
      h("div.chips", {}, this.#more, h("nav.needs", { "aria-label": "What they wait for" }, needs),
        this.#saved, this.#mine, this.#agent),
      filters);
    this.#fold(true);
  }

  /** On a phone the fields are folded until they are asked for, or until one of them is set. */
  #fold(isFolded) {
    this.node.classList.toggle("open", !isFolded);
    setAttribute(this.#more, "aria-expanded", isFolded ? "false" : "true");
  }

  /** How many fields are set is seen while they are folded, too. */
  #showSet(fields) {
    setText(this.#setCount, fields.length ? `${fields.length}` : "");
    const text = fields.join(" ");
    if (text !== "" && text !== this.#setFields) this.#fold(false);
    this.#setFields = text;
  }

  #day(name) {
    return h("input", { type: "date", max: LAST_DAY, "aria-label": name,
      onchange: () => this.#set({ ...this.filter, since: this.#from.value, until: this.#to.value }) });
  }

  /** Between days: the last week, to begin with. */
  #chooseSpan() {
    const day = (back) => {
      const date = new Date();
      date.setDate(date.getDate() - back);
      return date.toLocaleDateString("sv");
    };
    const [since, until] = this.#span.value === "days" ? [day(6), day(0)] : [this.#span.value, ""];
    this.#set({ ...this.filter, since, until });
  }

  suggest() {
    put(this.#names, known("repositories").map((name) => h("option", { value: name })));
  }

  /** Fills the controls from the filter. */
  #show() {
    const { phase, repo, mine, q, need } = this.filter;
    if (this.#query.value.trim() !== (q ?? "")) this.#query.value = q ?? "";
    this.#phase.value = phase && !phase.includes(",") ? phase : "";
    if (this.#repository.value.trim() !== (repo ?? "")) this.#repository.value = repo ?? "";
    const { since = "", until = "" } = this.filter;
    const isSpan = until === "" && (since === "" || since in SPANS);
    this.#span.value = isSpan ? since : "days";
    this.#days.hidden = isSpan;
    this.#from.value = since in SPANS ? "" : since;
    this.#to.value = until;
    this.#showSet([phase, since || until, !this.least.repo && repo].filter(Boolean));
    this.#agent.hidden = !this.filter.agent;
    setText(this.#agent, `Agent: ${this.filter.agent}`);
    setAttribute(this.#mine, "aria-pressed", mine ? "true" : "false");
    for (const [name, { link }] of this.#needs) {
      setAttribute(link, "href", filterAddress({ ...this.filter, need: name, phase: undefined }));
      setAttribute(link, "aria-current", name === (need ?? "") && !phase ? "true" : null);
    }
    const text = filterText(this.filter);
    const saved = savedFilters();
    const isSaved = saved.some((each) => each.text === text);
    put(this.#saved, saved.map(({ name, text: query }) => h("a.chip", {
      href: `#/delegations${query && "?"}${query}`, "aria-current": query === text ? "true" : null, dir: "auto",
    }, h("bdi", { text: name }))));
    const isPlain = text === filterText({ need, ...this.least });
    this.#keep.hidden = isPlain && !isSaved;
    setText(this.#keep, isSaved ? "Forget this filter" : "Save this filter");
  }

  /** @param board with sections whose counts are known */
  showCounts({ sections, isByNeed }) {
    if (!isByNeed) return;
    for (const { name, count } of sections) {
      const shown = name === "done" || !count ? "" : `${count}`;
      setText(this.#needs.get(name).count, shown);
    }
  }

  #later() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#apply(), TYPED_AFTER_MS);
  }

  #apply() {
    const phase = this.#phase.value || undefined;
    this.#set({ ...this.filter, q: this.#query.value.trim(), phase, repo: this.#repository.value.trim(),
      need: phase ? undefined : this.filter.need, ...this.least });
  }

  #set(filter) {
    clearTimeout(this.#typing);
    const before = filterText(this.filter);
    this.filter = filterOf(new URLSearchParams(filterText(filter)));
    this.#show();
    if (filterText(this.filter) !== before) this.#changed();
  }

  #choose(event, need) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.#set({ ...this.filter, need, phase: undefined });
  }

  #toggleMine() {
    this.#set({ ...this.filter, mine: this.filter.mine ? undefined : "1" });
  }

  clear() {
    this.#set({ ...this.least });
    this.#query.focus();
  }

  #save() {
    const text = filterText(this.filter);
    if (savedFilters().some((each) => each.text === text)) {
      forgetFilter(text);
      this.#show();
      return;
    }
    const name = h("input", { id: "filter-name", maxlength: 40, autocomplete: "off", required: true,
      value: this.filter.q ?? this.filter.repo ?? PHASES[this.filter.phase] ?? "" });
    const dialog = h("dialog.ask", { "aria-labelledby": "filter-title" },
      h("form", { method: "dialog" }, h("h2", { id: "filter-title", text: "Save this filter" }),
        h("div.field", {}, h("label", { for: "filter-name", text: "Name" }), name),
        h("div.actions", {}, h("button", { type: "button", text: "Not now", onclick: () => dialog.close("no") }),
          h("button.primary", { value: "yes", text: "Save" }))));
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (dialog.returnValue === "yes" && name.value.trim() !== "") saveFilter(name.value.trim(), text);
      this.#show();
      this.#keep.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
    name.select();
  }
}
