// Tabs (https://www.w3.org/WAI/ARIA/apg/patterns/tabs/): one is in the focus order, arrow keys select
// the others.

import { h, setAttribute, setText } from "../shared/dom.js";

export class Tabs {
  #tabs = new Map();
  #changed;
  #pressed;
  chosen = null;

  /**
   * @param label the name of the group
   * @param parts `[{name, title, node}]`
   * @param changed called with the name of the selected tab
   * @param pressed called if a person selected it
   */
  constructor(label, parts, changed, pressed) {
    this.#changed = changed;
    this.#pressed = pressed;
    for (const { name, title, node } of parts) {
      const count = h("span.tab-note");
      const tab = h("button.tab", {
        type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`,
        onclick: () => this.press(name), onkeydown: (event) => this.#key(event, name),
      }, title, count);
      const panel = h("div.tab-panel", {
        role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, hidden: true,
      }, node);
      this.#tabs.set(name, { tab, panel, count });
    }
    const all = [...this.#tabs.values()];
    this.node = h("div.tabs", {},
      h("div.tab-list", { role: "tablist", "aria-label": label }, all.map(({ tab }) => tab)),
      all.map(({ panel }) => panel));
  }

  choose(name) {
    if (!this.#tabs.has(name) || name === this.chosen) return;
    this.chosen = name;
    for (const [other, { tab, panel }] of this.#tabs) {
      setAttribute(tab, "aria-selected", String(other === name));
      setAttribute(tab, "tabindex", other === name ? null : "-1");
      panel.hidden = other !== name;
    }
    this.#changed(name);
  }

  /** Selects a tab as a person does. */
  press(name) {
    this.choose(name);
    this.#pressed(name);
  }

  /** A short note beside a tab's title. */
  note(name, text) {
    setText(this.#tabs.get(name).count, text);
  }

  #key(event, name) {
    const names = [...this.#tabs.keys()];
    const index = names.indexOf(name);
    const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: names.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = names[(to + names.length) % names.length];
    this.press(next);
    this.#tabs.get(next).tab.focus();
  }
}
