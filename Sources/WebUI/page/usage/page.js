// What attempts used: by repository, requester, agent or day, of a span of days.

import { json } from "../shared/api.js";
import { announce, h, put, setAttribute, setText } from "../shared/dom.js";
import { LAST_DAY } from "../shared/filters.js";
import { Later } from "../shared/time.js";
import { costWords } from "../shared/words.js";

const DAY_MS = 86_400_000;
const MONTHS = 12;
const READ_EVERY_MS = 30_000;

const GROUPINGS = { repository: "Repository", requester: "Requester", agent: "Agent", day: "Day" };

export function open({ query }) {
  return new UsagePage(query);
}

class UsagePage {
  title = "Usage";

  #by;
  #since;
  #until;
  #stop = new AbortController();
  #timer = new Later(() => this.#read(), READ_EVERY_MS);
  #spans = spansUntil(Date.now());

  #span = h("select", { "aria-label": "Span", onchange: () => this.#chooseSpan() });
  #from = this.#dayInput("First day");
  #to = this.#dayInput("Last day");
  #chips = new Map();
  #message = h("div.list-message", { role: "status" });
  #table = h("div.panel.usage-table", { role: "region", "aria-label": "What was used", tabindex: 0 });

  constructor(query) {
    const by = query.get("by");
    this.#by = by in GROUPINGS ? by : "repository";
    const [, since, until] = this.#spans[0];
    const isGiven = query.has("since") || query.has("until");
    this.#since = isGiven ? dayOf(query.get("since")) : since;
    this.#until = isGiven ? dayOf(query.get("until")) : until;
    const chips = Object.entries(GROUPINGS).map(([name, text]) => {
      const chip = h("button.chip", { type: "button", text, onclick: () => this.#choose({ by: name }) });
      this.#chips.set(name, chip);
      return chip;
    });
    this.node = h("section.page", { "aria-busy": "true" },
      h("div.toolbar", {}, h("h1", { tabindex: -1, text: "Usage" })),
      h("div.usage-bar", {},
        h("div.needs", { role: "group", "aria-label": "By" }, chips),
        h("div.usage-days", {}, this.#span, this.#from, h("span.muted", { text: "to" }), this.#to)),
      this.#message, this.#table,
      h("p.hint", { text: "Attempts without a commit failed, were cancelled, or met a provider's limit; what they cost is "
        + "included. What no agent reported is unknown and not zero: it is –, and a + says that the cost of some "
        + "attempts is unknown. Days are in UTC." }));
    this.#show();
    this.#read();
  }

  close() {
    this.#stop.abort();
    this.#timer.stop();
  }

  #dayInput(name) {
    return h("input", { type: "date", max: LAST_DAY, "aria-label": name,
      onchange: () => this.#choose({ since: this.#from.value, until: this.#to.value }) });
  }

  #chooseSpan() {
    const span = this.#spans[this.#span.value];
    if (span) this.#choose({ since: span[1], until: span[2] });
  }

  #choose({ by = this.#by, since = this.#since, until = this.#until }) {
    [this.#by, this.#since, this.#until] = [by, since, until];
    // An empty day is one that is not limited, which is not the usual span.
    const text = new URLSearchParams({ by, since, until }).toString();
    history.replaceState(null, "", `#/usage?${text}`);
    this.#show();
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#read(true);
  }

  #show() {
    for (const [name, chip] of this.#chips) setAttribute(chip, "aria-pressed", String(name === this.#by));
    const index = this.#spans.findIndex(([, since, until]) => since === this.#since && until === this.#until);
    put(this.#span, index < 0 ? h("option", { value: "", text: "Other days" }) : null,
      this.#spans.map(([text], each) => h("option", { value: each, text })));
    this.#span.value = index < 0 ? "" : String(index);
    this.#from.value = this.#since;
    this.#to.value = this.#until;
  }

  async #read(isAsked = false) {
    const { signal } = this.#stop;
    const query = { by: this.#by };
    if (this.#since) query.since = this.#since;
    if (this.#until) query.until = this.#until;
    try {
      const found = await json("api/usage", { query, signal });
      put(this.#message);
      this.#draw(found);
      if (isAsked) announce(`${found.items.length} ${found.items.length === 1 ? "row" : "rows"}.`);
    } catch (error) {
      if (signal.aborted) return;
      put(this.#message, h("p", { text: error.message }));
    }
    setAttribute(this.node, "aria-busy", null);
    this.#timer.in(READ_EVERY_MS);
  }

  #draw({ by, items, total }) {
    const heads = ["Cost", "Attempts", "No commit", "Tokens in", "Cached", "Tokens out", "Credits"];
    put(this.#table, items.length === 0 ? h("p.empty", { text: "No attempt ended in these days." })
      : h("table.parts", {},
        h("thead", {}, h("tr", {}, [GROUPINGS[by], ...heads].map((text) => h("th", { scope: "col", text })))),
        h("tbody", {}, items.map((item) => h("tr", {}, nameCell(by, item.key), cells(item)))),
        h("tfoot", {}, h("tr", {}, h("th", { scope: "row", text: "Total" }), cells(total)))));
  }
}

function nameCell(by, key) {
  const name = h("bdi", { text: key });
  return h("th", { scope: "row" }, by === "repository" ? h("a", { href: `#/repositories/${key}` }, name) : name);
}

function cells(sum) {
  const { attempts, failedAttempts: withoutCommit, attemptsWithCost, costMicrodollars: cost, millicredits } = sum;
  const withoutCost = attempts - attemptsWithCost;
  const counted = (count) => h("td", { text: count === null ? "–" : count.toLocaleString("en-US") });
  return [
    h("td", { text: costWords({ cost, withoutCost }) || "–",
      title: withoutCost > 0 ? `The cost of ${attemptsWithCost} of ${attempts} attempts is known.` : null }),
    counted(attempts), counted(withoutCommit),
    counted(sum.inputTokens), counted(sum.cachedTokens), counted(sum.outputTokens),
    h("td", { text: millicredits === null ? "–" : (millicredits / 1000).toFixed(2) }),
  ];
}

/** A day that the API takes; empty if it is none. */
function dayOf(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text ?? "") && !Number.isNaN(Date.parse(text)) ? text : "";
}

/** The spans to choose from: `[name, first day, last day]`, of days in UTC. */
function spansUntil(now) {
  const day = (ms) => new Date(ms).toISOString().slice(0, 10);
  const date = new Date(now);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  const name = new Intl.DateTimeFormat("en", { month: "long", year: "numeric", timeZone: "UTC" });
  const months = Array.from({ length: MONTHS }, (_, back) => {
    const first = Date.UTC(year, month - back, 1);
    return [name.format(first), day(first), day(Date.UTC(year, month - back + 1, 0))];
  });
  return [["Last 30 days", day(now - 29 * DAY_MS), day(now)], ["Last 7 days", day(now - 6 * DAY_MS), day(now)],
    ...months, ["All days", "", ""]];
}
