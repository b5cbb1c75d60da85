// The places of the delegations that wait for a worker. They are read again after events that may change
// them, and from time to time, since an estimate changes without an event.

import { json } from "./api.js";
import { Later, moment } from "./time.js";

/** A burst of events causes one read. */
const READ_AFTER_MS = 800;
const READ_EVERY_MS = 15_000;

const MOVES = new Set(["delegation.pr-created", "delegation.dispatched", "delegation.released",
  "delegation.retry-requested", "delegation.pushed", "delegation.failed", "delegation.generated",
  "worker.registered", "worker.stopped", "worker.lost", "worker.draining"]);

export class QueueWatch {
  #places = new Map();
  #changed;
  #isWanted;
  #ends;
  #stop = new AbortController();
  #later = new Later(() => this.#read(), READ_EVERY_MS);

  /**
   * @param feed the log
   * @param isWanted whether a place is shown now
   * @param changed called after each read
   */
  constructor(feed, isWanted, changed) {
    this.#isWanted = isWanted;
    this.#changed = changed;
    this.#ends = [
      feed.follow((events) => { if (events.some(({ type }) => MOVES.has(type))) this.#later.in(READ_AFTER_MS); }),
      feed.onReset(() => this.#later.in(0)),
    ];
    this.#later.in(0);
  }

  close() {
    this.#stop.abort();
    this.#later.stop();
    for (const end of this.#ends) end();
  }

  /** `{place, startsAt}`; null if it has none, or none is known. */
  of(id) {
    return this.#places.get(id) ?? null;
  }

  async #read() {
    if (this.#stop.signal.aborted) return;
    this.#later.in(READ_EVERY_MS);
    if (!this.#isWanted()) return;
    try {
      const { items } = await json("api/queue", { signal: this.#stop.signal });
      this.#places = new Map(items.map(({ id, place, startsAt }) =>
        [id, { place, startsAt: moment(startsAt) }]));
      this.#changed();
    } catch {
      // The next event or the timer reads it again.
    }
  }
}
