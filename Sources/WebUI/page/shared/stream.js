// Server-sent events over fetch (https://html.spec.whatwg.org/multipage/server-sent-events.html).
// The browser's own EventSource can't tell a refusal from a cut, hides how it tries again, and
// needs each type's name in advance; none of that will do for a log without a gap.

import { Problem, address, problem } from "./api.js";

/** A server says something at least every 15 s; one that is silent for so long is gone. */
const SILENCE_MAX_MS = 40_000;

/**
 * Reads a stream of events until it ends.
 * @param {string} route
 * @param {object} query
 * @param {string|null} lastID resumes after this id
 * @param {AbortSignal} signal
 * @param {(events: {id: string|null, type: string, data: string|null}[]) => void} receive gets what
 *   came at once; an event without data tells an id alone
 * @param {() => void} opened called when the server took the request
 * @throws {Problem} where it is refused, cut or silent
 */
export async function readStream(route, query, lastID, signal, receive, opened = () => {}) {
  const headers = { Accept: "text/event-stream" };
  if (lastID !== null) headers["Last-Event-ID"] = lastID;
  const cut = new AbortController();
  const stop = AbortSignal.any([signal, cut.signal]);
  let timer = setTimeout(() => cut.abort(), SILENCE_MAX_MS);
  try {
    const response = await fetch(address(route, query), { headers, signal: stop, cache: "no-store" });
    if (!response.ok) throw await problem(response);
    opened();
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => cut.abort(), SILENCE_MAX_MS);
      const events = parser.add(value);
      if (events.length) receive(events);
    }
  } catch (error) {
    if (signal.aborted || error instanceof Problem) throw error;
    throw new Problem(0);
  } finally {
    clearTimeout(timer);
  }
}

/** Text that comes in pieces, as events. */
export class EventParser {
  #rest = "";
  #id = null;
  #type = "";
  #data = null;

  /** @returns the events that this piece completes */
  add(text) {
    const events = [];
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop();
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line === "") {
        if (this.#data !== null || this.#id !== null) {
          events.push({ id: this.#id, type: this.#type, data: this.#data });
        }
        this.#id = null;
        this.#type = "";
        this.#data = null;
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue;
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
      if (field === "data") this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
      else if (field === "event") this.#type = value;
      else if (field === "id") this.#id = value;
    }
    return events;
  }
}
