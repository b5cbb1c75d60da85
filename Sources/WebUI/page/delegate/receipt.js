// The receipt that replaces a sent form: the confirmation code, the pull request, and the progress. If
// the response had no pull request yet, it is shown as soon as it exists.

import { delegationRoute, json } from "../shared/api.js";
import { announce, copyButton, h, outLink, put, setText } from "../shared/dom.js";
import { Pipeline } from "../shared/marks.js";
import { advance, rowOf } from "../shared/rows.js";
import { STATE_MEANING, failureWords } from "../shared/words.js";

export class Receipt {
  #row = null;
  #pipeline = new Pipeline();
  #state = h("p.receipt-state");
  #pull = h("div.receipt-pull");
  #title;
  #waiting = [];
  #ends;
  #stop = new AbortController();
  #pullKey = "";

  /**
   * @param answer the server's, of status 201 or 202
   * @param again called to start another delegation
   */
  constructor(feed, answer, again) {
    this.id = answer.id;
    const code = answer.confirmationCode;
    this.#title = h("h1", { tabindex: -1 }, "Task created. Confirmation: ",
      h("code", { text: code }));
    this.node = h("div.receipt", {}, this.#title,
      h("div.receipt-code", {}, copyButton("the confirmation code", () => code)),
      h("div.panel.receipt-panel", {}, h("div.receipt-line", {}, this.#pipeline.node, this.#state),
        this.#pull),
      h("div.actions.start", {},
        h("a.button.primary", { href: `#/delegations/${answer.id}`, text: "Watch it" }),
        h("button", { type: "button", text: "Delegate another", onclick: again })));
    this.#ends = [feed.follow((events) => this.#receive(events)), feed.onReset(() => this.#read())];
    this.#pipeline.update({ state: answer.state, reached: 0, failedAt: null });
    this.#explain(answer.state, answer.html_url ? answer : null);
    this.#read();
  }

  close() {
    this.#stop.abort();
    for (const end of this.#ends) end();
  }

  focus() {
    this.#title.focus({ preventScroll: true });
  }

  async #read() {
    try {
      const item = await json(delegationRoute(this.id), { signal: this.#stop.signal });
      if (!this.#row || item.version >= this.#row.version) this.#row = rowOf(item);
      this.#take(this.#waiting);
    } catch {
      // The next event or reconnection reads it again.
    }
  }

  #receive(events) {
    const mine = events.filter((event) => event.stream === `delegation-${this.id}`);
    if (mine.length === 0) return;
    if (this.#row) this.#take(mine);
    else {
      this.#waiting.push(...mine);
      this.#read();
    }
  }

  #take(events) {
    this.#waiting = [];
    for (const event of events) {
      if (!advance(this.#row, event)) {
        this.#read();
        return;
      }
    }
    this.#pipeline.update(this.#row);
    this.#explain(this.#row.state, this.#row.pullRequest, this.#row.failure);
  }

  #explain(state, pull, failure = null) {
    const said = state === "Failed" ? failureWords(failure)[0] : STATE_MEANING[state] ?? "";
    setText(this.#state, `${state}: ${said}${/[.]$/.test(said) ? "" : "."}`);
    const key = pull?.html_url ?? state;
    if (key === this.#pullKey) return;
    this.#pullKey = key;
    if (pull) {
      put(this.#pull, outLink(pull.html_url, `Pull request #${pull.number}`));
      announce(`Pull request ${pull.number} is open`);
    } else if (state === "Failed") {
      put(this.#pull, "It has no pull request.");
    } else {
      put(this.#pull, h("span.muted", {
        text: "The pull request is not open yet. It goes on, and its link comes here.",
      }));
    }
  }
}
