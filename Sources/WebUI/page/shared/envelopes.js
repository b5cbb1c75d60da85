// Events of the log as a list; each opens to its envelope in the API's format.

import { copyButton, h, put } from "./dom.js";
import { visible } from "./terminal.js";
import { at, clock, fully, moment } from "./time.js";
import { eventWords } from "./words.js";

/** The delegation whose stream an event is in; null if it is in another one. */
export function delegationOf({ stream }) {
  return stream.startsWith("delegation-") ? stream.slice("delegation-".length) : null;
}

/**
 * One event as a line that opens.
 * @param about names the event's delegation, `{id, confirmationCode, taskTitle}`, where events of many
 *   are listed; the day is then above the line
 */
export function envelopeNode(event, about = null) {
  const time = moment(event.time);
  const body = h("div.envelope-body");
  const details = h("details", {},
    h("summary", {},
      h("span.envelope-position", { text: event.position }),
      h("time.muted", { title: () => fully(time), text: about ? clock(time) : at(time) }),
      h("span.envelope-type", { text: event.type }),
      h("bdi.envelope-actor", { text: event.actor.name }),
      h("bdi.envelope-words", { text: eventWords(event) })), body);
  details.addEventListener("toggle", () => {
    if (!details.open || body.firstChild) return;
    const text = JSON.stringify(event, null, 2);
    put(body, h("div.envelope-tools", {},
      copyButton(`event ${event.position}`, () => text)),
    h("pre", { tabindex: 0, role: "region", "aria-label": `Event ${event.position}` },
      visible(text).map((part) => (typeof part === "string" ? part
        : h("span.unseen", { text: part.mark })))));
  });
  return h("div.envelope", {}, details, about?.id ? h("a.envelope-about", {
    href: `#/delegations/${about.id}`, title: about.confirmationCode,
  }, h("bdi", { text: about.taskTitle ?? about.confirmationCode ?? "its delegation" })) : null);
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
