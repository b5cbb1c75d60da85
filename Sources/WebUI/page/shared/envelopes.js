// Events of the log as a list; each opens to its envelope in the API's format.

import { copyButton, h, put } from "./dom.js";
import { visible } from "./terminal.js";
import { at, fully, moment } from "./time.js";
import { eventWords } from "./words.js";

/** One event as a line that opens. */
export function envelopeNode(event, { linked = false } = {}) {
  const time = moment(event.time);
  const body = h("div.envelope-body");
  const id = event.stream.startsWith("delegation-") ? event.stream.slice("delegation-".length) : null;
  const node = h("details.envelope", {},
    h("summary", {},
      h("span.envelope-position", { text: event.position }),
      h("time.muted", { title: fully(time), text: at(time) }),
      h("span.envelope-type", { text: event.type }),
      h("bdi.envelope-words", { text: eventWords(event) }),
      h("bdi.envelope-actor", { text: event.actor.name })), body);
  node.addEventListener("toggle", () => {
    if (!node.open || body.firstChild) return;
    const text = JSON.stringify(event, null, 2);
    put(body, h("div.envelope-tools", {},
      linked && id ? h("a", { href: `#/delegations/${id}`, text: "Its delegation" }) : null,
      copyButton(`event ${event.position}`, () => text)),
    h("pre", { tabindex: 0, role: "region", "aria-label": `Event ${event.position}` },
      visible(text).map((part) => (typeof part === "string" ? part
        : h("span.unseen", { text: part.mark })))));
  });
  return node;
}

/** The events of one delegation; new ones are appended. */
export class EventLog {
  #list = h("div.envelopes");
  #last = 0;

  constructor() {
    this.node = this.#list;
  }

  update(events) {
    if (events.length > 0 && events.length < this.#list.childElementCount) {
      this.#last = 0;
      put(this.#list);
    }
    for (const event of events) {
      if (event.version <= this.#last) continue;
      this.#last = event.version;
      this.#list.append(envelopeNode(event));
    }
  }
}
