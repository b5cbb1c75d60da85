// The data of one delegation's page: the server's view of it, and its events, each once and in order.
// Events arrive at once; the derived view is read again after each.

import { delegationRoute, json } from "../shared/api.js";

export class Delegation {
  /** The API's view; null until it was read. */
  detail = null;
  /** The envelopes, by version. */
  events = [];
  /** Why it cannot be shown; null if it can. */
  problem = null;

  #ref;
  #feed;
  #changed;
  #ends;
  #stop = new AbortController();
  #reading = false;
  #again = false;
  #waiting = [];

  /** @param changed called after each change */
  constructor(feed, ref, changed) {
    this.#ref = ref;
    this.#feed = feed;
    this.#changed = changed;
    this.#ends = [feed.follow((events) => this.#receive(events)), feed.onReset(() => this.#reload())];
  }

  close() {
    this.#stop.abort();
    for (const end of this.#ends) end();
  }

  get id() { return this.detail?.id ?? null; }

  /** Reads everything. */
  async load() {
    const { signal } = this.#stop;
    try {
      const [detail, log] = await Promise.all([
        json(delegationRoute(this.#ref), { signal }),
        json(delegationRoute(this.#ref, "events"), { signal }),
      ]);
      // Events that arrived meanwhile may be newer than the response.
      const heard = [...this.events, ...this.#waiting];
      this.#waiting = [];
      this.detail = detail;
      this.events = log.items;
      this.problem = null;
      // A code or a pull request's number may later refer to another delegation; an id cannot.
      this.#ref = detail.id;
      this.#take(heard);
      if (this.#version > detail.version) this.#reread();
      this.#feed.joined(log.position, () => { if (!signal.aborted) this.load(); });
    } catch (error) {
      if (signal.aborted) return;
      if (this.detail === null) this.problem = error;
    }
    this.#changed();
  }

  /** The log was replaced, or too many events were missed. */
  #reload() {
    this.events = [];
    this.#waiting = [];
    this.load();
  }

  get #version() { return this.events.at(-1)?.version ?? 0; }

  #receive(events) {
    const found = this.id === null
      ? events.filter((event) => event.type.startsWith("delegation."))
      : events.filter((event) => event.stream === `delegation-${this.id}`);
    if (found.length === 0) return;
    if (this.id === null) {
      this.#waiting.push(...found);
      if (this.#waiting.length > 4000) this.#waiting.splice(0, 2000);
      return;
    }
    if (!this.#take(found)) return;
    this.#changed();
    this.#reread();
  }

  /** @returns whether anything was new */
  #take(events) {
    let any = false;
    for (const event of events) {
      if (event.stream !== `delegation-${this.id}` || event.version <= this.#version) continue;
      if (event.version > this.#version + 1) {
        this.load();
        return false;
      }
      this.events.push(event);
      any = true;
    }
    return any;
  }

  /** One read at a time; later changes cause another one. */
  async #reread() {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    try {
      do {
        this.#again = false;
        const detail = await json(delegationRoute(this.#ref), { signal: this.#stop.signal });
        if (detail.version >= this.detail.version) this.detail = detail;
      } while (this.#again);
      this.#changed();
    } catch {
      // The connection is lost, which the page shows; the next event reads again.
    } finally {
      this.#reading = false;
    }
  }
}
