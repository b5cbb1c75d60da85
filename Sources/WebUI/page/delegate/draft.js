// What was typed and not sent. It outlives the page, the browser and the server, until it is sent
// or thrown away. The key that makes two clicks one pull request belongs to it: the same words go
// out under the same key, however often and from however many lives of the page.

import { recall, store } from "../shared/memory.js";

const NAME = "draft";
const SAVE_AFTER_MS = 150;

export class Draft {
  #read;
  #timer = null;
  #key = null;
  #keyed = null;

  /** @param read answers the fields as they stand */
  constructor(read) {
    this.#read = read;
    const kept = recall(NAME);
    /** The fields as they were kept; null where there are none. */
    this.fields = kept && typeof kept.fields === "object" ? kept.fields : null;
    this.#key = typeof kept?.key === "string" ? kept.key : null;
    this.#keyed = typeof kept?.keyed === "string" ? kept.keyed : null;
  }

  /** To be called after each keystroke. */
  touch() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), SAVE_AFTER_MS);
  }

  save() {
    clearTimeout(this.#timer);
    this.#timer = null;
    store(NAME, { fields: this.#read(), key: this.#key, keyed: this.#keyed });
  }

  /** Saves what is not saved yet. */
  close() {
    if (this.#timer !== null) this.save();
  }

  /** The key for a body: the one that went out with it, or a new one. */
  key(body) {
    if (this.#key === null || this.#keyed !== body) {
      this.#key = crypto.randomUUID?.() ?? randomKey();
      this.#keyed = body;
    }
    this.save();
    return this.#key;
  }

  /** The next try is a request of its own: the last one was answered for good. */
  forgetKey() {
    this.#key = null;
    this.#keyed = null;
    this.save();
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#key = null;
    this.#keyed = null;
    store(NAME, null);
  }
}

/** Pages that came over plain HTTP from another machine have no `randomUUID`. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
