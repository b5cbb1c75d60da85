// The tasks of one filter, in sections by what they wait for, or in one list. The server reads pages;
// live events change rows and move them between sections. Answers and events are merged by version, so
// neither reverts the other.

import { delegationRoute, json } from "../shared/api.js";
import { NEEDS, needOf } from "../shared/phases.js";
import { advance, matches, taskBegun, taskOf } from "../shared/tasks.js";
import { Later } from "../shared/time.js";

const PAGE = 200;
const COUNT_AFTER_MS = 1500;

/** The kept rows of a section; older ones are read again on scrolling. */
const ROWS_MAX = 20_000;

/** Events that may be newer than a pending answer. */
const RECENT_MAX = 4000;

/** The event changes the section that a task belongs to. */
const MOVES = /^delegation\.(dispatched|pushed|failed|released|retry-requested|pull-request-updated)$/;

class Section {
  rows = [];
  cursor = null;
  /** How many there are; null if that is not known. */
  count = null;
  /** `empty` before the first page, then `more` or `end`. */
  state = "empty";

  /** @param name a need, or `all` */
  constructor(name) {
    this.name = name;
  }

  fill({ items, next, count }) {
    this.cursor = next;
    this.state = next === null ? "end" : "more";
    if (count !== undefined) this.count = count;
    return items.map(taskOf);
  }

  /** Whether a row is in the range that was read so far. */
  reaches(row) {
    return this.state === "end" || (this.cursor !== null && row.stamp > Number(this.cursor));
  }

  /** The index of a stamp among the rows, or where it would be inserted. */
  index(stamp) {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].stamp > stamp) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class TaskBoard {
  /** Why the last read failed; null if it did not. */
  problem = null;

  #sections;
  #byFirst = new Map();
  #byNewest = new Map();
  #feed;
  #changed;
  #ends;
  #stop = new AbortController();
  #loading = null;
  #recent = [];
  #counting = new Later(() => this.#count(), 15_000);

  /**
   * @param filter `{need, phase, repository, requester, agent, since, until, search}`; without a need and a phase,
   *   there is a section for each need
   * @param changed called with `{above}`: how many rows were inserted on top since the last call
   */
  constructor(feed, filter, changed) {
    this.filter = filter;
    this.#feed = feed;
    this.#changed = changed;
    this.#sections = this.#fresh();
    this.#ends = [feed.follow((events) => this.#receive(events)), feed.onReset(() => this.reload())];
    this.#load();
  }

  get isByNeed() { return !this.filter.need && !this.filter.phase; }
  get sections() { return this.#sections; }
  /** `empty`, `more`, `end`, or `failed` with `problem`. */
  get state() {
    if (this.problem) return "failed";
    return this.#sections.some(({ state }) => state === "empty") ? "empty" : this.#sections.at(-1).state;
  }

  close() {
    this.#stop.abort();
    this.#counting.stop();
    for (const end of this.#ends) end();
  }

  #fresh() {
    return (this.isByNeed ? Object.keys(NEEDS) : ["all"]).map((name) => new Section(name));
  }

  /** Reads everything again; the shown rows stay until then. */
  reload() {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#load();
  }

  get #query() {
    const { need, phase, repository, requester, agent, since, until, search } = this.filter;
    const time = (ms) => (ms === null ? null : new Date(ms).toISOString());
    return { need, phase, repo: repository, requester, agent, since: time(since), until: time(until), q: search };
  }

  async #load() {
    await this.#read(async (signal) => {
      const sections = this.#fresh();
      const answer = await json(this.isByNeed ? "api/tasks/by-need" : "api/tasks",
        { query: { ...this.#query, limit: this.isByNeed ? 20 : 60 }, signal });
      const found = sections.map((section) =>
        [section, section.fill(this.isByNeed ? answer.needs[section.name] : answer)]);
      this.#byFirst.clear();
      this.#byNewest.clear();
      this.#sections = sections;
      for (const [section, rows] of found) for (const row of rows) this.#put(row, section);
      this.#feed.joined(answer.position, () => { if (!signal.aborted) this.reload(); });
    });
  }

  /** Reads the next page of the last section, if there is one and no read is pending. */
  more() {
    const section = this.#sections.at(-1);
    if (this.#loading) return;
    if (section.state === "empty") {
      this.#load();
      return;
    }
    if (section.state === "end") return;
    this.#read(async (signal) => {
      const query = { ...this.#query, limit: PAGE, cursor: section.cursor };
      if (this.isByNeed) query.need = section.name;
      const answer = await json("api/tasks", { query, signal });
      if (!this.#sections.includes(section)) return;
      for (const row of section.fill(answer)) this.#put(row, section);
    });
  }

  async #read(body) {
    const { signal } = this.#stop;
    const mark = {};
    this.#loading = mark;
    this.#recent = [];
    try {
      await body(signal);
      this.problem = null;
      this.#apply(this.#recent);
    } catch (error) {
      if (signal.aborted) return;
      this.problem = error;
    } finally {
      if (this.#loading === mark) this.#loading = null;
    }
    this.#changed({ above: 0 });
  }

  // MARK: Rows

  #sectionOf(row) {
    if (this.isByNeed) return this.#sections.find(({ name }) => name === needOf(row.phase));
    const { need, phase } = this.filter;
    const isIn = (!need || need === needOf(row.phase)) && (!phase || phase.split(",").includes(row.phase));
    return isIn ? this.#sections[0] : null;
  }

  /** Inserts a row that is not in the list. @returns its index; -1 if it is in the list already */
  #put(row, section) {
    if (this.#byFirst.has(row.first)) return -1;
    row.section = section;
    this.#byFirst.set(row.first, row);
    this.#byNewest.set(row.id, row);
    const index = section.index(row.stamp);
    section.rows.splice(index, 0, row);
    if (section.rows.length > ROWS_MAX) this.#trim(section);
    return index;
  }

  #drop(row) {
    const { section } = row;
    this.#byFirst.delete(row.first);
    this.#byNewest.delete(row.id);
    const index = section.index(row.stamp);
    if (section.rows[index] === row) section.rows.splice(index, 1);
  }

  #trim(section) {
    for (const row of section.rows.splice(ROWS_MAX - PAGE)) {
      this.#byFirst.delete(row.first);
      this.#byNewest.delete(row.id);
    }
    section.cursor = String(section.rows.at(-1).stamp);
    section.state = "more";
  }

  /** Puts a row where it belongs now. @returns whether it came on top of its section */
  #place(row) {
    const wanted = matches(row, this.filter) ? this.#sectionOf(row) : null;
    const { section } = row;
    if (section === wanted && this.#byFirst.get(row.first) === row) return false;
    if (section) {
      this.#drop(row);
      row.section = null;
      if (section.count !== null) section.count -= 1;
    }
    if (!wanted) return false;
    if (wanted.count !== null) wanted.count += 1;
    return wanted.reaches(row) && this.#put(row, wanted) === 0;
  }

  // MARK: Events

  #receive(events) {
    if (this.#loading) {
      this.#recent.push(...events);
      if (this.#recent.length > RECENT_MAX) this.#recent.splice(0, RECENT_MAX / 2);
    }
    if (this.#sections.some(({ state }) => state === "empty")) return;
    const above = this.#apply(events);
    if (above !== null) this.#changed({ above });
  }

  /** @returns the number of rows inserted on top; null if nothing changed */
  #apply(events) {
    let above = 0;
    let touched = false;
    for (const event of events) {
      if (!event.type.startsWith("delegation.")) continue;
      const id = event.stream.slice("delegation-".length);
      const known = this.#byNewest.get(id);
      if (known) {
        if (!advance(known, event)) this.#reread(id);
        else if (this.#place(known) && known.section !== null) above += 1;
        touched = true;
      } else if (event.type === "delegation.requested") {
        if (event.data.follows) {
          this.#reread(id);
          continue;
        }
        const row = taskBegun(event);
        row.section = null;
        if (this.#place(row)) above += 1;
        touched = true;
      } else if (MOVES.test(event.type)) {
        // It may belong to the list now.
        this.#reread(id);
      }
    }
    if (touched) this.#counting.in(COUNT_AFTER_MS);
    return touched ? above : null;
  }

  #waiting = new Set();
  #isRereading = false;

  /** Reads the task of a delegation again, one after another. */
  async #reread(id) {
    this.#waiting.add(id);
    if (this.#isRereading) return;
    this.#isRereading = true;
    const { signal } = this.#stop;
    try {
      for (const next of this.#waiting) {
        this.#waiting.delete(next);
        this.#take(taskOf(await json(delegationRoute(next, "task"), { signal })));
      }
    } catch {
      // The next event reads it again; after a lost connection everything is read.
    } finally {
      this.#isRereading = false;
    }
  }

  #take(row) {
    const known = this.#byFirst.get(row.first);
    if (known && known.id === row.id && known.version > row.version) return;
    row.section = known?.section ?? null;
    if (known) {
      this.#drop(known);
      const { section } = known;
      const wanted = matches(row, this.filter) ? this.#sectionOf(row) : null;
      if (section === wanted) {
        this.#put(row, section);
      } else {
        if (section.count !== null) section.count -= 1;
        row.section = null;
        this.#place(row);
      }
    } else this.#place(row);
    this.#counting.in(COUNT_AFTER_MS);
    this.#changed({ above: 0 });
  }

  /** Counts again: a task that is not in the list may have moved. */
  async #count() {
    if (!this.isByNeed || this.filter.search) return;
    const { signal } = this.#stop;
    try {
      const { needs } = await json("api/tasks/by-need", { query: { ...this.#query, limit: 1 }, signal });
      for (const section of this.#sections) section.count = needs[section.name].count ?? null;
      this.#changed({ above: 0 });
    } catch {
      // They are counted again after the next event.
    }
  }
}
