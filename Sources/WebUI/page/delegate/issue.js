// The issue whose address was written into the box. It is read through the server, and its words fill
// the form.

import { Problem, json } from "../shared/api.js";
import { h } from "../shared/dom.js";
import { sentence } from "../shared/fields.js";

/** Nobody means the 1 of an address that ends in 12. */
const TYPED_AFTER_MS = 350;

export class IssueSource {
  /** `{name, url, isOpen}` of the issue that the words come from; null without one. */
  issue = null;
  /** Why the issue that the box names could not be read; null if nothing is wrong. */
  fault = null;
  /** Settled when no issue is being read. */
  done = Promise.resolve();

  #changed;
  #asked = null;
  #stop = new AbortController();

  /** @param changed called with `{found}` after an issue was read, and with nothing after other changes */
  constructor(changed) {
    this.#changed = changed;
  }

  close() {
    this.#stop.abort();
  }

  /** @param address what the box names; null if it has other words */
  look(address) {
    if (address === this.#asked) return;
    const hadNews = this.#asked !== null || this.fault !== null;
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#asked = address;
    this.fault = null;
    if (address === null) {
      if (hadNews) this.#changed();
      return;
    }
    this.done = this.#read(address, this.#stop.signal);
    this.#changed();
  }

  async #read(address, signal) {
    await new Promise((resolve) => {
      setTimeout(resolve, TYPED_AFTER_MS);
      signal.addEventListener("abort", resolve);
    });
    if (signal.aborted) return;
    try {
      const found = await json("api/issues", { query: { address }, signal });
      this.#asked = null;
      this.issue = { name: `${found.repository}#${found.number}`, url: found.html_url, isOpen: found.open };
      this.#changed({ found });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Problem)) throw error;
      const said = error.errors[0]?.message ?? error.message;
      this.fault = `${sentence(said)} ${error.hint ?? ""}`.trim();
      this.#changed();
    }
  }

  /** What stands below the box; null if that is its usual hint. */
  words() {
    if (this.#asked !== null && this.fault === null) return ["Reading the issue…"];
    if (this.issue === null) return null;
    const { name, url, isOpen } = this.issue;
    return ["From the issue ", h("a", { href: url, rel: "noreferrer" }, h("bdi", { text: name })),
      isOpen ? null : ", which is closed", ". The pull request will be linked to it. ",
      h("button.quiet.small", { type: "button", text: "Do not link", onclick: () => this.#unlink() })];
  }

  #unlink() {
    this.issue = null;
    this.#changed();
  }
}
