// A search in an output. The server looks through all of it, so what the page has not loaded, or has
// dropped, is found, too.

import { Problem, delegationRoute, json } from "../shared/api.js";
import { h, setAttribute, setText } from "../shared/dom.js";

const AFTER_MS = 250;

/** More output may bring more hits; asked for again after so long. */
const FRESH_MS = 2000;

export class OutputSearch {
  #ref;
  #attempt = 1;
  #show;
  #hits = [];
  #index = -1;
  #isCut = false;
  #asked = "";
  #askedAt = 0;
  #timer = null;
  #stop = null;
  #isLive = () => false;

  #input = h("input", {
    type: "search", placeholder: "Search the output", "aria-label": "Search the output", autocomplete: "off",
    spellcheck: "false", oninput: () => this.#later(), onkeydown: (event) => this.#key(event),
  });
  #count = h("span.hint", { role: "status" });
  #before = h("button.small", { type: "button", text: "↑", "aria-label": "Hit before", hidden: true, onclick: () => this.step(-1) });
  #next = h("button.small", { type: "button", text: "↓", "aria-label": "Next hit", hidden: true, onclick: () => this.step(1) });

  /**
   * @param show called with a hit's line and the searched text; with null if there is none
   * @param isLive says whether more output may come
   */
  constructor(ref, show, isLive) {
    this.#ref = ref;
    this.#show = show;
    this.#isLive = isLive;
    this.node = h("div.output-search", { role: "search" }, this.#input, this.#before, this.#next, this.#count);
  }

  close() {
    clearTimeout(this.#timer);
    this.#stop?.abort();
  }

  /** Sets the searched attempt. */
  begin(attempt) {
    this.#attempt = attempt;
    this.#asked = "";
    if (this.#input.value !== "") this.#later();
  }

  get text() { return this.#input.value.trim(); }

  focus() {
    this.#input.focus();
    this.#input.select();
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#find(), this.text === "" ? 0 : AFTER_MS);
  }

  #key(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && this.#input.value !== "") {
      event.preventDefault();
      this.#input.value = "";
      this.#find();
    }
  }

  /** The first line that looks like an error; null if there is none. */
  async firstError() {
    const found = await this.#ask({ errors: 1, limit: 1 });
    if (found) setText(this.#count, found.items.length === 0 ? "No line looks like an error." : "");
    return found?.items[0]?.line ?? null;
  }

  async #ask(query) {
    this.#stop?.abort();
    const stop = new AbortController();
    this.#stop = stop;
    try {
      return await json(delegationRoute(this.#ref, "output/matches"), { query: { ...query, attempt: this.#attempt }, signal: stop.signal });
    } catch (error) {
      if (!stop.signal.aborted) setText(this.#count, error instanceof Problem ? error.message : "It was cut off.");
      return null;
    }
  }

  /** @param keep whether the hit that is shown stays */
  async #find(keep = false) {
    clearTimeout(this.#timer);
    const { text } = this;
    const shown = keep ? this.#hits[this.#index] : undefined;
    if (text === "") {
      this.#stop?.abort();
      this.#asked = "";
      this.#take([], "");
      return;
    }
    const found = await this.#ask({ q: text });
    if (!found) return;
    this.#asked = text;
    this.#askedAt = Date.now();
    this.#isCut = !found.complete;
    this.#take(found.items.map(({ line }) => line), text);
    if (shown !== undefined) this.#index = this.#hits.indexOf(shown);
    else if (this.#hits.length > 0) this.#to(0);
    this.#explain();
  }

  #take(hits, text) {
    this.#hits = hits;
    this.#index = -1;
    if (hits.length === 0) this.#show(null, text);
    this.#explain();
  }

  #explain() {
    const { length } = this.#hits;
    this.#before.hidden = length === 0;
    this.#next.hidden = length === 0;
    setAttribute(this.#input, "aria-invalid", null);
    setText(this.#count, this.#asked === "" ? "" : length === 0 ? "Not found"
      : `${this.#index + 1} of ${length}${this.#isCut ? "+" : ""} ${length === 1 ? "line" : "lines"}`);
  }

  #to(index) {
    this.#index = index;
    this.#show(this.#hits[index], this.#asked);
    this.#explain();
  }

  /** Shows the next hit, or the one before. */
  async step(by) {
    if (this.text === "") return;
    if (this.text !== this.#asked) {
      await this.#find();
      return;
    }
    if (this.#isLive() && Date.now() - this.#askedAt > FRESH_MS) await this.#find(true);
    if (this.#hits.length === 0) return;
    this.#to((this.#index + by + this.#hits.length) % this.#hits.length);
  }
}
