// What needs the person of this page: a count in the tab's title and icon, and, if they want it, the
// browser's notifications about what they asked for.

import { delegationRoute, json } from "./api.js";
import { me } from "./me.js";
import { recall, store } from "./memory.js";
import { Later } from "./time.js";

const COUNT_AFTER_MS = 1500;
/** After the first page, which has the same figures to read. */
const FIRST_AFTER_MS = 1000;
const COUNT_EVERY_MS = 60_000;

/** More ends at once than anybody reads. */
const WAITING_MAX = 50;

const MOVES = /^delegation\.(requested|dispatched|pushed|failed|retry-requested|pull-request-updated)$/;

let title = "AIPM";
let count = 0;

/** The title of the shown page. */
export function setTitle(text) {
  title = text;
  showTitle();
}

function showTitle() {
  document.title = `${count > 0 ? `(${count}) ` : ""}${title} · AIPM`;
}

export class Notices extends EventTarget {
  #feed;
  #later = new Later(() => this.#count(), COUNT_EVERY_MS);
  #waiting = [];
  #isReading = false;
  #icon = document.querySelector("link[rel=icon]");

  constructor(feed) {
    super();
    this.#feed = feed;
    feed.follow((events) => this.#receive(events));
    feed.onReset(() => this.#later.in(0));
    feed.staysOpen = this.isOn;
  }

  /** To be called when the person is known, and again for another one. */
  start() {
    this.#later.in(FIRST_AFTER_MS);
  }

  /** Whether this browser can show notifications of a page. */
  get isPossible() {
    return typeof Notification === "function" && isSecureContext && matchMedia("(pointer: fine)").matches;
  }

  get isBlocked() { return this.isPossible && Notification.permission === "denied"; }

  get isOn() {
    return this.isPossible && Notification.permission === "granted" && recall("notify") === true;
  }

  /** Turns notifications on or off; the browser asks the person first. */
  async toggle() {
    if (this.isOn) store("notify", null);
    else if (await Notification.requestPermission() === "granted") store("notify", true);
    this.#feed.staysOpen = this.isOn;
    this.dispatchEvent(new Event("change"));
  }

  #receive(events) {
    if (events.some(({ type }) => MOVES.test(type))) this.#later.in(COUNT_AFTER_MS);
    if (!this.isOn || isLookedAt()) return;
    for (const { type, stream, data } of events) {
      const isEnd = type === "delegation.pushed" || (type === "delegation.failed" && data.code !== "cancelled");
      if (isEnd && this.#waiting.length < WAITING_MAX) this.#waiting.push(stream.slice("delegation-".length));
    }
    this.#tell();
  }

  async #tell() {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      for (let id = this.#waiting.shift(); id; id = this.#waiting.shift()) {
        const task = await json(delegationRoute(id, "task"));
        if (me && task.requester === me.name && task.delegation.id === id) show(task);
      }
    } catch {
      // The count says that something needs them.
    } finally {
      this.#isReading = false;
    }
  }

  async #count() {
    this.#later.in(COUNT_EVERY_MS);
    if (!me) return;
    try {
      const { needs } = await json("api/tasks/by-need", { query: { requester: me.name, limit: 1 } });
      count = needs.you.count ?? 0;
    } catch {
      return;
    }
    showTitle();
    const name = count === 0 ? "icon.svg" : `icons/${count > 9 ? "many" : count}.svg`;
    if (this.#icon.getAttribute("href") !== name) this.#icon.setAttribute("href", name);
  }
}

function isLookedAt() {
  return !document.hidden && document.hasFocus();
}

function show({ title: name, delegation: d }) {
  const notification = new Notification(name ?? d.confirmationCode, {
    body: d.state === "Failed" ? `Failed. ${d.failure.summary}` : "Ready for review.", tag: d.id, icon: "icon.svg",
  });
  notification.addEventListener("click", () => {
    window.focus();
    location.hash = `#/delegations/${d.id}`;
    notification.close();
  });
}
