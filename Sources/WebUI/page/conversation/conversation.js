// The data of a pull request's conversation: its delegations as rounds, what was said, and what became
// of it. It is read again after each event of one of its delegations.

import { json } from "../shared/api.js";

/** A page waits for the first answer, so that it does not jump, but no longer. */
const SETTLED_AFTER_MS = 1000;

export class Conversation {
  /** The API's answer; null until it was read. */
  value = null;
  /** Whether the first answer was there, or failed, or took long. */
  isSettled = false;

  #ref = null;
  #feed;
  #changed;
  #ends;
  #stop = new AbortController();
  #reading = false;
  #again = false;

  /** @param changed called after each change */
  constructor(feed, changed) {
    this.#feed = feed;
    this.#changed = changed;
    this.#ends = [feed.follow((events) => this.#receive(events)), feed.onReset(() => this.#read())];
  }

  close() {
    this.#stop.abort();
    for (const end of this.#ends) end();
  }

  /** Begins to read the pull request of a delegation; a further call does nothing. */
  start(id) {
    if (this.#ref !== null) return;
    this.#ref = id;
    this.#read();
    setTimeout(() => this.#settle(), SETTLED_AFTER_MS);
  }

  #settle() {
    if (this.isSettled || this.#stop.signal.aborted) return;
    this.isSettled = true;
    this.#changed();
  }

  #receive(events) {
    if (this.#ref !== null && events.some((event) => this.#concerns(event))) this.#read();
  }

  #concerns({ stream, type, data }) {
    if (!type.startsWith("delegation.")) return false;
    const rounds = this.value?.rounds;
    // Before the first answer, any of them may be part of it.
    if (!rounds) return true;
    return rounds.some(({ id }) => stream === `delegation-${id}`) || data?.first === rounds[0].id;
  }

  /** One read at a time; later events cause another one. */
  async #read() {
    if (this.#ref === null) return;
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    const { signal } = this.#stop;
    try {
      do {
        this.#again = false;
        const isFirst = this.value === null;
        this.value = await json(`api/pull-requests/${encodeURIComponent(this.#ref)}`, { signal });
        if (isFirst) {
          this.#feed.joined(this.value.position, () => { if (!signal.aborted) this.#read(); });
        }
        this.isSettled = true;
        this.#changed();
      } while (this.#again);
    } catch {
      // The connection is lost, which the page shows; the next event reads again.
    } finally {
      this.#reading = false;
      this.#settle();
    }
  }
}

/** The feedback that a round answers. */
export function takenBy(id, { feedback }) {
  return feedback.filter(({ round }) => round === id);
}

/**
 * The usage of all attempts.
 * @returns `{sum, attempts, unknown}`: the known figures, the ended attempts, and how many of them
 *   reported nothing
 */
export function usageOf(rounds) {
  const ended = rounds.flatMap(({ attempts }) => attempts ?? []).filter(({ endedAt }) => endedAt);
  const sum = {};
  for (const { usage } of ended) {
    for (const [figure, number] of Object.entries(usage ?? {})) {
      sum[figure] = (sum[figure] ?? 0) + number;
    }
  }
  return { sum, attempts: ended.length, unknown: ended.filter(({ usage }) => !usage).length };
}
