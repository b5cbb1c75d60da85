// The log, followed live by the whole page over one connection. It promises each event once and in
// order: positions are dense, so a gap is seen at once and read again from where it began.

import { Problem } from "./api.js";
import { readStream } from "./stream.js";

/** Waits before the next try. The first is short, since a server that restarts is soon back. */
const DELAYS_MS = [250, 500, 1000, 2000, 4000];

/** A page that nobody sees gives its connection back after so long: browsers allow six in all. */
const HIDDEN_MAX_MS = 60_000;

/** After so long unseen, reading everything anew costs less than catching up. */
const ABSENT_MAX_MS = 30 * 60_000;

export class Feed extends EventTarget {
  /** `connecting`, `live`, `lost` or `paused`. */
  state = "connecting";
  /** The position that everything up to was seen; null until it is known. */
  position = null;
  /** When the connection was last known good. */
  goodAt = Date.now();
  /** How many events the last reconnection caught up with. */
  caughtUp = 0;

  #listeners = new Set();
  #resets = new Set();
  #stop = null;
  #tries = 0;
  #wait = null;
  #hiddenAt = null;
  #hiding = null;
  /** Resolves to the position that the stream began at: what came after it is heard. */
  #begun = Promise.withResolvers();

  start() {
    document.addEventListener("visibilitychange", () => this.#visibility());
    addEventListener("online", () => this.retry());
    this.#connect();
  }

  /**
   * Tells that something was read as of `position`. What was committed after that is heard; where
   * the stream began later than that, `again` is called, and the reading begins anew.
   */
  async joined(position, again) {
    if ((await this.#begun.promise) > position) again();
  }

  /** Calls `listen` with each batch of envelopes; the answer ends it. */
  follow(listen) {
    this.#listeners.add(listen);
    return () => this.#listeners.delete(listen);
  }

  /** Calls `reset` where what was read before can't be brought up to date by events. */
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
      // The log ends before what we have seen: it is another one, or an older backup.
      if (error instanceof Problem && error.status === 409) this.#reset();
    }
    this.#lost();
  }

  #opened(wasLost, resumes) {
    this.#tries = 0;
    this.goodAt = Date.now();
    // Where it is not known how much was missed, everything is read again.
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
        this.position ??= position;
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
    this.#set("paused");
    clearTimeout(this.#wait);
    this.#wait = null;
    this.#stop?.abort();
  }
}
