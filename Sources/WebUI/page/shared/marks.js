// Marks for states. They differ without colour: a full dot is passed, a ring with a dot is current, a
// small ring is to come, a tick is success, a cross is failure.

import { h, setAttribute, setText, svg } from "./dom.js";
import { PHASES } from "./phases.js";

const Y = 8;

function disc(cx, r) {
  return `M${cx - r} ${Y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
}

const SHAPES = {
  done: (cx) => disc(cx, 3.2),
  now: (cx) => disc(cx, 5.2) + disc(cx, 2.2),
  later: (cx) => disc(cx, 2.4),
  end: (cx) => `${disc(cx, 6.5)}M${cx - 3} ${Y}l2.2 2.4l4 -4.6`,
  cancelled: (cx) => `${disc(cx, 5.5)}M${cx - 2.8} ${Y}h5.6`,
  failed: (cx) => `M${cx} ${Y - 7}l7 7l-7 7l-7 -7zM${cx - 2.4} ${Y - 2.4}l4.8 4.8m0 -4.8l-4.8 4.8`,
};

const GLYPHS = {
  // Tasks
  queued: ["calm", `${disc(8, 5.5)}M8 5v3.2l2.2 1.6`],
  working: ["live", disc(8, 5.5) + disc(8, 2)],
  ready: ["good", `${disc(8, 6)}M5.4 8.2l1.9 1.9l3.5 -4`],
  done: ["calm", "M3.5 8.5l3 3l6 -7"],
  merged: ["good", "M2.5 8.5l3 3l5 -6.4M8.4 11.2l0.4 0.4l5 -6.4"],
  closed: ["calm", `${disc(8, 5.5)}M4.2 11.8l7.6 -7.6`],
  failed: ["bad", "M4.5 4.5l7 7m0 -7l-7 7"],
  cancelled: ["calm", `${disc(8, 5.5)}M5.2 8h5.6`],
  // Workers
  idle: ["calm", disc(8, 4)],
  busy: ["live", disc(8, 5.5) + disc(8, 2)],
  starting: ["calm", "M8 3a5 5 0 1 0 5 5"],
  draining: ["warn", "M8 3v8m-3.5 -3.5l3.5 3.5l3.5 -3.5M4 13.5h8"],
  unhealthy: ["warn", "M8 3l5.5 10h-11zM8 6.8v2.6m0 1.8v.2"],
  parked: ["bad", "M5.5 3.5v9m5 -9v9"],
  lost: ["bad", "M4.5 4.5l7 7m0 -7l-7 7"],
  stopped: ["calm", "M4.5 4.5h7v7h-7z"],
};

/** A state as a mark and its word. */
export class Badge {
  #path = svg("path");
  #word = h("span");

  constructor() {
    this.node = h("span.badge", {},
      svg("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, this.#path),
      this.#word);
  }

  /**
   * @param state a task's phase or a worker's state
   * @param more said after it
   */
  update(state, more = "") {
    const [kind, d] = GLYPHS[state] ?? ["live", disc(8, 5.5) + disc(8, 2)];
    setAttribute(this.node, "data-kind", kind);
    setAttribute(this.#path, "d", d);
    setText(this.#word, `${PHASES[state] ?? (state === "done" ? "Done" : state)}${more && " "}${more}`);
    return this;
  }
}

/** The mark of one line of a timeline: `done`, `now`, `later`, `end` or `failed`. */
export function timelineMark(kind) {
  return svg("svg.tick", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
    svg("path", { class: `mark ${kind}`, d: SHAPES[kind](8) }));
}

/** Small icons for buttons. */
export function icon(d) {
  return svg("svg.icon", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
    svg("path", { d }));
}

export const ICON = {
  auto: "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11",
  light: "M8 5a3 3 0 1 0 0 6a3 3 0 1 0 0 -6M8 1v1.5M8 13.5v1.5M1 8h1.5M13.5 8h1.5M3 3l1 1"
    + "M12 12l1 1M3 13l1 -1M12 4l1 -1",
  dark: "M13 9.5a5.5 5.5 0 1 1 -6.5 -7a4.5 4.5 0 0 0 6.5 7z",
  bell: "M8 2.2a3.8 3.8 0 0 1 3.8 3.8v3l1.4 2.2h-10.4l1.4 -2.2v-3a3.8 3.8 0 0 1 3.8 -3.8zM6.6 13.4a1.5 1.5 0 0 0 2.8 0",
  bellOff: "M8 2.2a3.8 3.8 0 0 1 3.8 3.8v3l1.4 2.2h-10.4l1.4 -2.2v-3a3.8 3.8 0 0 1 3.8 -3.8zM6.6 13.4a1.5 1.5 0 0 0 2.8 0M2.5 2l11 12",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0 -9M10.5 10.5l3 3",
  plus: "M8 3v10M3 8h10",
  cross: "M4 4l8 8m0 -8l-8 8",
  follows: "M4 2.5v6a2 2 0 0 0 2 2h6.5m-3.5 -3.5l3.5 3.5l-3.5 3.5",
  up: "M8 13v-10m-4 4l4 -4l4 4",
};
