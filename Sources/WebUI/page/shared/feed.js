// The live log, for the whole page over one connection. Each event is delivered once and in order:
// positions have no gaps, so a missing event is noticed at once and read again.

import { Problem } from "./api.js";
import { readStream } from "./stream.js";

/** Delays before the next try. The first is short, since a restarted server is soon back. */
const DELAYS_MS = [250, 500, 1000, 2000, 4000];

/** The time after which a hidden page closes its connection: browsers allow six in all. */
const HIDDEN_MAX_MS = 60_000;

/** The hidden time after which reading everything again is cheaper than catching up. */
const ABSENT_MAX_MS = 30 * 60_000;

export class Feed extends EventTarget {
  /** `connecting`, `live`, `lost` or `paused`. */
  state = "connecting";
  /** Everything up to this position was delivered; null until it is known. */
  position = null;
  /** When the connection last worked. */
  goodAt = Date.now();
  /** Whether the connection stays open while the page is hidden. */
  staysOpen = false;
  /** The number of events that the last reconnection caught up with. */
  caughtUp = 0;

  #listeners = new Set();
  #resets = new Set();
  #stop = null;
  #tries = 0;
  #wait = null;
  #hiddenAt = null;
  #hiding = null;
  /** Resolves to the position at which the stream began: later events are delivered. */
  #begun = Promise.withResolvers();

  start() {
    document.addEventListener("visibilitychange", () => this.#visibility());
    addEventListener("online", () => this.retry());
    this.#connect();
  }

  /**
   * Reports that data was read as of `position`. Later events are delivered. If the stream began
   * later, `again` is called, and the data must be read again.
   */
  async joined(position, again) {
    if ((await this.#begun.promise) > position) again();
  }

  /** Calls `listen` with each batch of envelopes; the returned function stops it. */
  follow(listen) {
    this.#listeners.add(listen);
    return () => this.#listeners.delete(listen);
  }

  /** Calls `reset` if events cannot update the data that was read before. */
  onReset(reset) {
    this.#resets.add(reset);
    return () => this.#resets.delete(reset);
  }

  /** Tries now. */
  retry() {
    if (this.state !== "lost" || !this.#wait) return;
    clearTimeout(this.#wait);
    this.#wait = null;
    this.#connect();
  }

  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  async #connect() {
    const stop = new AbortController();
    this.#stop = stop;
    const wasLost = this.state === "lost";
    const last = this.position === null ? null : String(this.position);
    this.caughtUp = 0;
    try {
      await readStream("api/events/stream", {}, last, stop.signal,
        (events) => this.#receive(events), () => this.#opened(wasLost, last !== null));
    } catch (error) {
      if (stop.signal.aborted && !this.#gap) return;
      // The log ends before the last delivered event: it is another log, or an older backup.
      if (error instanceof Problem && error.status === 409) this.#reset();
    }
    this.#lost();
  }

  #opened(wasLost, resumes) {
    this.#tries = 0;
    this.goodAt = Date.now();
    // If the number of missed events is unknown, everything is read again.
    if (!resumes && wasLost) this.#reset();
    this.#set("live");
  }

  #gap = false;

  #receive(events) {
    this.goodAt = Date.now();
    const batch = [];
    for (const { id, data } of events) {
      const position = Number(id);
      if (!Number.isSafeInteger(position)) continue;
      if (data === null) {
        // The stream begins here, or the events up to here are not for this page's person.
        this.position = Math.max(this.position ?? 0, position);
        this.#begun.resolve(this.position);
        continue;
      }
      if (this.position !== null && position <= this.position) continue;
      if (this.position !== null && position > this.position + 1) {
        this.#gap = true;
        this.#stop?.abort();
        break;
      }
      this.position = position;
      batch.push(JSON.parse(data));
    }
    if (batch.length === 0) return;
    this.caughtUp += batch.length;
    for (const listen of this.#listeners) listen(batch);
  }

  #lost() {
    this.#gap = false;
    this.#set("lost");
    const delay = DELAYS_MS[Math.min(this.#tries, DELAYS_MS.length - 1)];
    this.#tries += 1;
    clearTimeout(this.#wait);
    this.#wait = setTimeout(() => {
      this.#wait = null;
      this.#connect();
    }, delay);
  }

  #reset() {
    this.position = null;
    this.#begun = Promise.withResolvers();
    for (const reset of this.#resets) reset();
  }

  #visibility() {
    clearTimeout(this.#hiding);
    if (document.hidden) {
      this.#hiddenAt = Date.now();
      this.#hiding = setTimeout(() => this.#pause(), HIDDEN_MAX_MS);
      return;
    }
    const absent = this.#hiddenAt === null ? 0 : Date.now() - this.#hiddenAt;
    this.#hiddenAt = null;
    if (this.state !== "paused") {
      this.retry();
      return;
    }
    if (absent > ABSENT_MAX_MS) this.#reset();
    this.#set("connecting");
    this.#connect();
  }

  #pause() {
    if (this.staysOpen) return;
    this.#set("paused");
    clearTimeout(this.#wait);
    this.#wait = null;
    this.#stop?.abort();
  }
}
