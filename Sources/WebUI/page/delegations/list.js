// The delegations of one filter, newest first: pages on scrolling, and live events. Responses and
// events are merged by version, so neither reverts the other.

import { delegationRoute, json } from "../shared/api.js";
import { advance, matches, rowBegun, rowOf } from "../shared/rows.js";

const PAGE = 200;

/** The first response is small, so that it arrives sooner. */
const FIRST_PAGE = 60;

/** The kept rows; older ones are read again on scrolling. */
const ROWS_MAX = 20_000;

/** The codes of delegations that are not in the list. */
const CODES_MAX = 1000;

/** Events that may be newer than a pending page. */
const RECENT_MAX = 4000;

export class DelegationList {
  rows = [];
  /** `empty` before the first page, `more`, `end`, or `failed` with `problem`. */
  state = "empty";
  problem = null;

  #byID = new Map();
  #cursor = null;
  #loading = null;
  #recent = [];
  #changed;
  #feed;
  #ends;
  #stop = new AbortController();

  /**
   * @param feed the log
   * @param filter `{state, repository, search}`
   * @param changed called with `{above}`: the number of rows that were inserted on top since the last
   *   call
   */
  constructor(feed, filter, changed) {
    this.filter = filter;
    this.#feed = feed;
    this.#changed = changed;
    this.#ends = [
      feed.follow((events) => this.#receive(events)),
      feed.onReset(() => this.reload()),
    ];
  }

  close() {
    this.#stop.abort();
    for (const end of this.#ends) end();
  }

  /** Reads everything again; the shown rows stay until then. */
  async reload() {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#loading = null;
    this.#cursor = null;
    await this.#load(true);
  }

  /** Reads the next page, if there is one and no read is pending. */
  more() {
    if (this.#loading || this.state === "end") return;
    this.#load(this.#cursor === null);
  }

  async #load(fresh) {
    const { signal } = this.#stop;
    const mark = {};
    this.#loading = mark;
    this.#recent = [];
    try {
      const { state, repository, search } = this.filter;
      const query = { state, repo: repository, q: search, limit: fresh ? FIRST_PAGE : PAGE,
        cursor: this.#cursor };
      const page = await json("api/delegations", { query, signal });
      if (fresh) {
        this.rows = [];
        this.#byID.clear();
      }
      for (const item of page.items) this.#add(rowOf(item));
      this.#cursor = page.next;
      this.state = page.next === null ? "end" : "more";
      this.problem = null;
      this.#apply(this.#recent);
      if (fresh) this.#feed.joined(page.position, () => { if (!signal.aborted) this.reload(); });
    } catch (error) {
      if (signal.aborted) return;
      this.state = "failed";
      this.problem = error;
    } finally {
      if (this.#loading === mark) this.#loading = null;
    }
    this.#changed({ above: 0 });
  }

  #add(row) {
    if (this.#byID.has(row.id)) return;
    this.#byID.set(row.id, row);
    this.rows.push(row);
  }

  #receive(events) {
    if (this.#loading) {
      this.#recent.push(...events);
      if (this.#recent.length > RECENT_MAX) this.#recent.splice(0, RECENT_MAX / 2);
    }
    if (this.state === "empty") return;
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
      const known = this.#byID.get(id);
      if (known) {
        if (!advance(known, event)) this.#reread(id);
        else if (!matches(known, this.filter)) this.#drop(known);
        touched = true;
      } else if (event.type === "delegation.requested") {
        const row = rowBegun(event);
        if (!matches(row, this.filter)) continue;
        this.#byID.set(id, row);
        above += this.#insert(row) === 0 ? 1 : 0;
        touched = true;
      } else if (this.filter.state) {
        // It may have entered a state of the filter.
        this.#reread(id);
      }
    }
    this.#trim();
    return touched ? above : null;
  }

  #drop(row) {
    this.#byID.delete(row.id);
    const index = this.#index(row.stamp);
    if (this.rows[index] === row) this.rows.splice(index, 1);
  }

  #insert(row) {
    const index = this.#index(row.stamp);
    this.rows.splice(index, 0, row);
    return index;
  }

  /** The index of a stamp among the rows, or where it would be inserted. */
  #index(stamp) {
    let low = 0;
    let high = this.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle].stamp > stamp) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #trim() {
    if (this.rows.length <= ROWS_MAX) return;
    for (const row of this.rows.splice(ROWS_MAX)) this.#byID.delete(row.id);
    this.#cursor = String(this.rows.at(-1).stamp);
    if (this.state === "end") this.state = "more";
  }

  // MARK: The codes of followed delegations

  /** Codes of delegations that are not in the list, by id; null while one is read or has none. */
  #codes = new Map();

  /** The confirmation code of a delegation; null if it is not known yet. */
  codeOf(id) {
    const known = this.#byID.get(id);
    if (known) return known.code;
    if (!this.#codes.has(id)) this.#readCode(id);
    return this.#codes.get(id);
  }

  async #readCode(id) {
    if (this.#codes.size >= CODES_MAX) this.#codes.clear();
    this.#codes.set(id, null);
    const { signal } = this.#stop;
    try {
      const { confirmationCode } = await json(delegationRoute(id), { signal });
      this.#codes.set(id, confirmationCode);
      this.#changed({ above: 0 });
    } catch {
      // The row says that it follows another one, without the code.
    }
  }

  #rereading = new Set();

  async #reread(id) {
    if (this.#rereading.has(id)) return;
    this.#rereading.add(id);
    const { signal } = this.#stop;
    try {
      const row = rowOf(await json(delegationRoute(id), { signal }));
      const known = this.#byID.get(id);
      if (known && known.version > row.version) return;
      const wanted = matches(row, this.filter);
      if (known && wanted) Object.assign(known, row);
      else if (known) this.#drop(known);
      else if (wanted && this.#reaches(row)) {
        this.#byID.set(id, row);
        this.#insert(row);
      }
      this.#changed({ above: 0 });
    } catch {
      // The next event of this delegation reads it again; after a lost connection everything is read.
    } finally {
      this.#rereading.delete(id);
    }
  }

  /** Whether a row is in the range that was read so far. */
  #reaches(row) {
    return this.state === "end" || this.#cursor === null || row.stamp > Number(this.#cursor);
  }
}
