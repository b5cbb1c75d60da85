// Keys of the whole page. Each shown page adds its own.

import { h } from "./dom.js";

let bound = new Map();

/** Replaces the shown page's keys: a key's name to `{does, run}`. */
export function bindKeys(keys) {
  bound = new Map(Object.entries(keys));
}

const ALWAYS = {
  n: { does: "Generate Code & PR", run: () => { location.hash = "#/delegate"; } },
  g: { does: "Delegations", run: () => { location.hash = "#/delegations"; } },
  "?": { does: "These keys", run: showKeys },
};

addEventListener("keydown", (event) => {
  const isPalette = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey;
  if (isPalette && !document.querySelector("dialog[open]") && isSignedIn()) {
    event.preventDefault();
    showPalette();
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const key = bound.get(event.key) ?? ALWAYS[event.key];
  if (!key) return;
  event.preventDefault();
  key.run();
});

function isSignedIn() {
  return document.body.dataset.signedOut === undefined;
}

/** Opens the command palette with the shown page's keys as commands. */
export async function showPalette() {
  const commands = [...bound.entries(), ...Object.entries(ALWAYS)]
    .map(([key, { does, run }]) => [does, run, name(key)]);
  try {
    const { openPalette } = await import("./palette.js");
    if (!document.querySelector("dialog[open]")) openPalette(commands);
  } catch {
    // The connection is lost, which the page shows.
  }
}

function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable
    || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

function showKeys() {
  const all = [...bound.entries(), ...Object.entries(ALWAYS)];
  const list = all.map(([key, { does }]) => [h("dt", {}, h("kbd", { text: name(key) })),
    h("dd", { text: does })]);
  list.unshift([h("dt", {}, h("kbd", { text: "Ctrl-K" })), h("dd", { text: "Go to or do anything" })]);
  const dialog = h("dialog.ask", { "aria-labelledby": "keys-title" },
    h("form", { method: "dialog" }, h("h2", { id: "keys-title", text: "Keys" }),
      h("dl.keys", {}, list), h("div.actions", {}, h("button", { text: "Close" }))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function name(key) {
  return key === " " ? "space" : key === "Enter" ? "enter" : key;
}
