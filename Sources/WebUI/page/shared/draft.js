// Typed fields that were not sent. They outlive the page, the browser and the server, until they are
// sent or discarded. The draft includes the idempotency key, so that two clicks make one pull request:
// the same fields are sent under the same key, even after the page was reopened.

import { recall, store } from "./memory.js";

const SAVE_AFTER_MS = 150;

export class Draft {
  #read;
  #name;
  #timer = null;
  #key = null;
  #keyed = null;

  /**
   * @param read returns the current fields; null if there is nothing to keep
   * @param name the form's, in this browser's memory
   */
  constructor(read, name = "draft") {
    this.#read = read;
    this.#name = name;
    const kept = recall(name);
    /** The stored fields; null if there is no draft. */
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
    const fields = this.#read();
    store(this.#name, fields && { fields, key: this.#key, keyed: this.#keyed });
  }

  /** Saves unsaved changes. */
  close() {
    if (this.#timer !== null) this.save();
  }

  /** The key for a body: the key that was sent with it, or a new one. */
  key(body) {
    if (this.#key === null || this.#keyed !== body) {
      this.#key = crypto.randomUUID?.() ?? randomKey();
      this.#keyed = body;
    }
    this.save();
    return this.#key;
  }

  /** Uses a new key for the next request: the last response was final. */
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
    store(this.#name, null);
  }
}

/** Pages over plain HTTP from another machine have no `randomUUID`. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
