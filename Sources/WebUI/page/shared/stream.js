// Server-sent events over fetch (https://html.spec.whatwg.org/multipage/server-sent-events.html). The
// browser's EventSource cannot distinguish a refusal from a lost connection, hides its retries, and
// needs all event types in advance. A log without gaps needs more control.

import { Problem, address, authorization, problem } from "./api.js";

/**
 * The server sends something at least every 15 s; after this time without data, the connection is
 * lost.
 */
const SILENCE_MAX_MS = 40_000;

/**
 * Reads a stream of events until it ends.
 * @param {string} route
 * @param {object} query
 * @param {string|null} lastID resumes after this id
 * @param {AbortSignal} signal
 * @param {(events: {id: string|null, type: string, data: string|null}[]) => void} receive gets the
 *   events of one chunk; an event without data only sets the id
 * @param {() => void} opened called when the server accepts the request
 * @throws {Problem} if it is refused, interrupted or silent
 */
export async function readStream(route, query, lastID, signal, receive, opened = () => {}) {
  const headers = { ...authorization(), Accept: "text/event-stream" };
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

/** Parses text chunks as events. */
export class EventParser {
  #rest = "";
  #id = null;
  #type = "";
  #data = null;

  /** @returns the events that this chunk completes */
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
