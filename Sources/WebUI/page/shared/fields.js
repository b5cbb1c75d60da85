// Fields of a form. Each has one line below it for its hint or its error, so an error moves nothing.

import { h, put, setAttribute, setText } from "./dom.js";
import { ICON, icon } from "./marks.js";

/** A labelled control with its line. */
export class Field {
  /**
   * @param name the field's name in the API
   * @param label the visible label
   * @param control an input, a select or a textarea
   * @param hint the line without an error: a text, or nodes
   * @param optional whether it may be empty, which the label shows
   */
  constructor(name, label, control, { hint = "", optional = false } = {}) {
    this.name = name;
    this.control = control;
    this.hint = hint;
    const id = `field-${name}`;
    setAttribute(control, "id", id);
    setAttribute(control, "name", name);
    setAttribute(control, "aria-describedby", `${id}-line`);
    if (!optional) setAttribute(control, "aria-required", "true");
    this.line = h("p.field-line", { id: `${id}-line` });
    this.node = h("div.field", {},
      h("label", { for: id }, label, optional ? h("span.muted", { text: " (optional)" }) : null),
      control, this.line);
    this.show(null);
  }

  get value() { return this.control.value; }
  set value(text) { this.control.value = text; }

  setHint(...hint) {
    this.hint = hint;
    if (!this.fault) put(this.line, hint);
  }

  /** Shows an error; without one, the hint. */
  show(fault) {
    const before = this.fault;
    this.fault = fault;
    setAttribute(this.control, "aria-invalid", fault ? "true" : null);
    setAttribute(this.line, "data-fault", fault ? "" : null);
    if (fault) setText(this.line, fault);
    // A button of the hint that is being pressed has to stay.
    else if (before !== null) put(this.line, this.hint);
  }

  focus() { this.control.focus(); }
}

/** An editable list of lines. */
export class ListField {
  #items = [];
  #body = h("ul.list-field");
  #changed;

  constructor(name, label, { hint, changed }) {
    this.name = name;
    this.#changed = changed;
    this.line = h("p.field-line", { id: `field-${name}-line`, text: hint });
    this.add = h("button.small", { type: "button", onclick: () => this.#insert(this.#items.length) },
      icon(ICON.plus), "Add criterion");
    this.node = h("fieldset.field", { "aria-describedby": `field-${name}-line` },
      h("legend", {}, label, h("span.muted", { text: " (optional)" })),
      this.#body, this.add, this.line);
    this.hint = hint;
    this.value = [];
  }

  get value() { return this.#items.map((item) => item.input.value); }

  set value(texts) {
    this.#items = [];
    put(this.#body);
    for (const text of texts.length ? texts : [""]) this.#make(this.#items.length, text);
    this.#number();
  }

  /** Shows errors: from an item's index to a text; -1 is the whole list. */
  show(faults) {
    this.#items.forEach((item, index) => {
      const fault = faults.get(index) ?? null;
      setAttribute(item.input, "aria-invalid", fault ? "true" : null);
      setText(item.fault, fault ?? "");
      item.fault.hidden = !fault;
    });
    const whole = faults.get(-1);
    setAttribute(this.line, "data-fault", whole ? "" : null);
    setText(this.line, whole ?? this.hint);
    this.fault = faults.size > 0;
  }

  focus() {
    (this.#items.find((item) => item.input.getAttribute("aria-invalid")) ?? this.#items[0])
      .input.focus();
  }

  #make(index, text) {
    const input = h("input", {
      value: text, autocomplete: "off",
      onkeydown: (event) => this.#key(event, item), onpaste: (event) => this.#paste(event, item),
    });
    const remove = h("button.icon-button", {
      type: "button", onclick: () => this.#remove(item),
    }, icon(ICON.cross));
    const fault = h("p.field-line", { "data-fault": "", hidden: true });
    const item = { input, remove, fault, node: h("li", {}, input, remove, fault) };
    this.#items.splice(index, 0, item);
    this.#body.insertBefore(item.node, this.#body.children[index] ?? null);
    return item;
  }

  #number() {
    this.#items.forEach((item, index) => {
      const id = `field-${this.name}-${index}-line`;
      setAttribute(item.input, "aria-label", `Acceptance criterion ${index + 1}`);
      setAttribute(item.input, "aria-describedby", id);
      setAttribute(item.fault, "id", id);
      setAttribute(item.remove, "aria-label", `Remove criterion ${index + 1}`);
      item.remove.hidden = this.#items.length === 1;
    });
  }

  #insert(index, text = "") {
    const item = this.#make(index, text);
    this.#number();
    item.input.focus();
    this.#changed();
    return item;
  }

  #remove(item) {
    const index = this.#items.indexOf(item);
    if (index < 0 || this.#items.length === 1) return;
    this.#items.splice(index, 1);
    item.node.remove();
    this.#number();
    this.#items[Math.max(0, index - 1)].input.focus();
    this.#changed();
  }

  #key(event, item) {
    if (event.isComposing || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter") {
      event.preventDefault();
      this.#insert(this.#items.indexOf(item) + 1);
    } else if (event.key === "Backspace" && item.input.value === "") {
      event.preventDefault();
      this.#remove(item);
    }
  }

  /** Several pasted lines become several items. */
  #paste(event, item) {
    const lines = (event.clipboardData?.getData("text") ?? "").split(/\r?\n/)
      .map((line) => line.replace(/^\s*[-*]\s+/, "")).filter((line) => line.trim() !== "");
    if (lines.length < 2) return;
    event.preventDefault();
    let index = this.#items.indexOf(item);
    if (item.input.value === "") item.input.value = lines.shift();
    for (const line of lines) this.#insert(index += 1, line);
    this.#changed();
  }
}

/** An error's words as a sentence. */
export function sentence(message) {
  return `${message[0].toUpperCase()}${message.slice(1)}${/[.!?]$/.test(message) ? "" : "."}`;
}
