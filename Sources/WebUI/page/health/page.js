// The overview: the queue, the results of the day, durations, and the forge's remaining calls.

import { json } from "../shared/api.js";
import { bars, durations } from "./chart.js";
import { h, put, setAttribute, setText } from "../shared/dom.js";
import { Badge } from "../shared/marks.js";
import { Later, age, at, clock, everySecond, minute, moment, span } from "../shared/time.js";
import { waitFor } from "../shared/phases.js";
import { costWords, failureWords } from "../shared/words.js";

const READ_EVERY_MS = 5000;
const READ_AFTER_MS = 500;

export function open({ feed }) {
  return new HealthPage(feed);
}

class HealthPage {
  title = "Health";

  #shown = null;
  #ends;
  #stop = new AbortController();
  #timer = new Later(() => this.#read(), READ_EVERY_MS);

  #when = h("span.count");
  #message = h("div.list-message", { role: "status" });
  #depth = new Figure("Queue", "waiting for a worker");
  #oldest = new Figure("Oldest waiting", "since it was requested");
  #success = new Figure("Success", "of the last 24 hours");
  #took = new Figure("Usual duration", "from request to push");
  #wait = new Figure("Usual wait", "for a worker");
  #cost = new Figure("Cost", "");
  #forge = new Figure("Forge calls left", "");
  #ended = h("div.chart-place");
  #durations = h("div.chart-place");
  #repositories = h("div");
  #agents = h("div");
  #failures = h("div");
  #workers = h("div.worker-states");
  #live = h("div.worker-states");

  constructor(feed) {
    const part = (id, title, legend, ...body) => h("section.panel.health-part", { "aria-labelledby": id },
      h("div.health-head", {}, h("h2", { id, text: title }), legend), body);
    this.node = h("section.page", { "aria-busy": "true" },
      h("div.toolbar", {}, h("h1", { tabindex: -1, text: "Health" }), this.#when),
      this.#message,
      h("div.health", {},
        h("div.figures", {}, [this.#depth, this.#oldest, this.#wait, this.#success, this.#took,
          this.#cost, this.#forge].map((figure) => figure.node)),
        h("div.health-parts", {},
          part("ended-title", "Ended, by hour", legend([["bar-good", "pushed"], ["bar-bad", "failed"], ["bar-calm", "cancelled"]]), this.#ended),
          part("took-title", "Duration, by hour", legend([["dot-half", "half within"], ["dot-most", "19 of 20 within"]]), this.#durations),
          part("repositories-title", "By repository", null, this.#repositories),
          part("agents-title", "By agent", null, this.#agents),
          part("failures-title", "Why they failed", null, this.#failures),
          part("now-title", "Now", null, h("h3", { text: "Workers" }), this.#workers,
            h("h3", { text: "Under way" }), this.#live))));
    this.#ends = [
      feed.follow((events) => {
        if (events.some(({ type }) => /^(delegation|worker)\./.test(type))) this.#timer.in(READ_AFTER_MS);
      }),
      feed.onReset(() => this.#read()),
      everySecond(() => this.#tick()),
    ];
    this.#read();
  }

  close() {
    this.#stop.abort();
    this.#timer.stop();
    for (const end of this.#ends) end();
  }

  async #read() {
    const { signal } = this.#stop;
    try {
      const found = await json("api/health", { signal });
      put(this.#message);
      this.#show(found);
    } catch (error) {
      if (signal.aborted) return;
      if (!this.#shown) put(this.#message, h("p", { text: error.message }));
    }
    this.#timer.in(READ_EVERY_MS);
  }

  #show(found) {
    setAttribute(this.node, "aria-busy", null);
    const key = JSON.stringify([found.day, found.cost, found.workers, found.queue.states]);
    const isNew = key !== this.#shown?.key;
    this.#shown = { ...found, key };
    const { queue, day, cost, forge, waits } = found;
    const { trouble, quarantined } = queue;
    const last = moment(waits.lastStartsAt);
    this.#depth.update(`${queue.depth}`, trouble + quarantined > 0 ? "warn" : "",
      [trouble > 0 && `${trouble} ${trouble === 1 ? "waits" : "wait"} to be tried again`, quarantined > 0 && `${quarantined} in quarantine`]
        .filter(Boolean).join(", ") || (last !== null && queue.depth > 0
        ? `the last starts in ${waitFor(last - moment(found.at))}` : "waiting for a worker"));
    const judged = day.pushed + day.failed;
    const since = minute(moment(day.since));
    this.#success.update(judged > 0 ? percent(day.pushed, judged) : "–", "",
      judged > 0 ? `${day.pushed} of ${judged} since ${since}` : `none ended since ${since}`);
    this.#took.update(span(day.p50Ms), "", day.p95Ms === null ? "from request to push"
      : `from request to push; 19 of 20 within ${span(day.p95Ms)}`);
    this.#wait.update(span(waits.p50Ms), "", waits.p95Ms === null ? "none got a worker since the start"
      : `19 of 20 within ${span(waits.p95Ms)}, of the last ${waits.count}`);
    const today = spent(cost.today);
    this.#cost.update(spent(cost), "", `in 7 days, ${today === "–" ? "none known of" : today} today (UTC)`,
      cost.attempts > 0 ? `#/usage?by=day&since=${cost.since}&until=${found.at.slice(0, 10)}` : null);
    this.#forge.update(forge ? forge.remaining.toLocaleString() : "–",
      forge && forge.remaining * 10 < forge.limit ? "warn" : "",
      forge ? `of ${forge.limit.toLocaleString()}, full again at ${minute(moment(forge.resetAt))}`
        : "the forge has reported no limit yet");
    if (isNew) this.#draw(found);
    this.#tick();
  }

  #draw({ day, cost, workers, queue }) {
    const hours = day.hours.map((hour) => ({ ...hour, name: hourName(hour.from) }));
    put(this.#ended, bars(hours.map((hour) => ({
      name: hour.name, parts: [{ kind: "good", value: hour.pushed }, { kind: "bad", value: hour.failed },
        { kind: "calm", value: hour.cancelled }],
    })), "Delegations that ended, by hour", ["Hour", "Pushed", "Failed", "Cancelled"]));
    put(this.#repositories, partsTable("Repository", day.repositories, cost.repositories,
      (name) => `#/repositories/${name}`));
    put(this.#agents, partsTable("Agent", day.agents, cost.agents,
      (name) => `#/delegations?agent=${encodeURIComponent(name)}`));
    put(this.#durations, durations(hours.map((hour) => ({ name: hour.name, values: [hour.p50Ms, hour.p95Ms] })),
      "Duration by hour", ["Hour", "Half take up to", "19 of 20 take up to"], ["half", "most"], span));
    put(this.#failures, day.failures.length === 0
      ? h("p.muted", { text: "None failed in the last day." })
      : h("ul.failures", {}, day.failures.map(({ code, count }) => h("li", {},
        h("span.failure-count", { text: `${count}` }), h("code", { text: code }),
        h("span.muted", { text: failureWords(code) })))));
    put(this.#workers, states(workers) ?? h("p.muted", { text: "No worker has joined." }));
    put(this.#live, states(phases(queue.states)) ?? h("p.muted", { text: "Nothing is under way." }));
  }

  #tick() {
    if (!this.#shown) return;
    setText(this.#when, `as of ${at(moment(this.#shown.at))}`);
    const { oldest } = this.#shown.queue;
    this.#oldest.update(oldest ? age(moment(oldest.requestedAt)) : "–", "",
      oldest ? "since it was requested" : "nothing waits",
      oldest ? `#/delegations/${oldest.id}` : null);
  }
}

/** A number with its name. */
class Figure {
  #value = h("span.figure-value", { text: "–" });
  #note;
  #href = null;
  #name;

  constructor(name, note) {
    this.#name = name;
    this.#note = h("span.hint", { text: note });
    this.node = h("div.figure.panel", {}, h("span.figure-name", { text: name }), this.#value, this.#note);
  }

  update(value, kind, note = null, href = null) {
    if (href !== this.#href) {
      this.#href = href;
      put(this.#value, href ? h("a", { href }) : null);
    }
    setText(this.#value.firstElementChild ?? this.#value, value);
    if (href) setAttribute(this.#value.firstElementChild, "aria-label", `${this.#name}: ${value}`);
    setAttribute(this.#value, "data-kind", kind || null);
    if (note !== null) setText(this.#note, note);
  }
}

/** What ended in the last day, and what the last days cost, by name. */
function partsTable(head, parts, costs, addressOf) {
  const names = new Set([...parts, ...costs].map(({ name }) => name));
  if (names.size === 0) return h("p.muted", { text: "None ended in the last days." });
  const of = (all, name) => all.find((each) => each.name === name);
  return h("table.parts", {},
    h("thead", {}, h("tr", {}, [head, "Pushed", "Failed", "Usual duration", "Cost, 7 days"].map((text) => h("th", { scope: "col", text })))),
    h("tbody", {}, [...names].map((name) => {
      const { pushed, failed, p50Ms } = of(parts, name) ?? { pushed: 0, failed: 0, p50Ms: null };
      const cost = of(costs, name);
      return h("tr", {}, h("th", { scope: "row" }, h("a", { href: addressOf(name) }, h("bdi", { text: name }))),
        h("td", { text: `${pushed}` }), h("td", { "data-kind": failed > 0 ? "bad" : null, text: `${failed}` }),
        h("td", { text: span(p50Ms) }), h("td", { text: cost ? spent(cost) : "–" }));
    })));
}

/** Of attempts that did not report it, the cost is unknown. */
function spent({ attempts, attemptsWithCost, costMicrodollars }) {
  return costWords({ cost: costMicrodollars, withoutCost: attempts - attemptsWithCost }) || "–";
}

function states(counts) {
  const all = Object.entries(counts);
  if (all.length === 0) return null;
  return all.map(([state, count]) => h("span.state-count", {}, new Badge().update(state).node,
    h("span.muted", { text: `${count}` })));
}

/** The log's states by what people call them. */
function phases(counts) {
  const found = {};
  for (const [state, count] of Object.entries(counts)) {
    const phase = state === "Dispatched" || state === "Generating" ? "working" : "queued";
    found[phase] = (found[phase] ?? 0) + count;
  }
  return found;
}

function legend(parts) {
  return h("span.legend", { "aria-hidden": "true" }, parts.map(([kind, text]) => h("span", {}, h(`span.key.${kind}`), text)));
}

function percent(part, all) {
  const value = (part / all) * 100;
  return value > 99 && value < 100 ? `${(Math.floor(value * 10) / 10).toFixed(1)} %` : `${Math.round(value)} %`;
}

function hourName(text) {
  return clock(moment(text)).slice(0, 5);
}
