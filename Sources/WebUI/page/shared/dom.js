// Elements. Text of users, agents and forges enters the page here, and only as text: no function turns
// a string into markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element.
 * @param {string} tag with classes after dots, such as `p.hint.small`
 * @param {object} props attributes; `on…` functions are listeners; `text` is its text; a function as
 *   `title` is called when the pointer comes; null, undefined and false leave out
 * @param {...(Node|string|number|null|Array)} children strings become text nodes
 */
export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  return fill(document.createElement(name), classes, props, children);
}

/** The same for SVG. */
export function svg(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  return fill(document.createElementNS(SVG, name), classes, props, children);
}

function fill(node, classes, props, children) {
  if (classes.length) node.classList.add(...classes);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") node.textContent = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (typeof value === "function") node.addEventListener("pointerenter", () => node.setAttribute(key, value()));
    else node.setAttribute(key, value === true ? "" : value);
  }
  add(node, children);
  return node;
}

function add(node, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) add(node, child);
    else node.append(child instanceof Node ? child : String(child));
  }
}

/** Replaces the children of a node. */
export function put(node, ...children) {
  const fragment = document.createDocumentFragment();
  add(fragment, children);
  node.replaceChildren(fragment);
  return node;
}

/** Sets a text if it changed, so that an update without changes costs nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute if it changed; null removes it. */
export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value);
  }
}

/** An untrusted text: its direction marks have no effect after it. */
export function words(text, tag = "bdi") {
  return h(tag, { text: text ?? "", dir: "auto" });
}

/** A text of the server: between backticks is what one types. */
export function withCode(text) {
  return text.split("`").map((part, index) => (index % 2 === 1 ? h("code", { text: part }) : part));
}

/** The address of a link; null if it is not a web address. */
export function webAddress(text) {
  try {
    const url = new URL(text);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

/** An external link; only its text if the address is invalid. */
export function outLink(address, ...children) {
  const href = webAddress(address);
  if (!href) return h("span", {}, ...children);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

/** A button that copies a text and confirms it. */
export function copyButton(name, text) {
  const label = h("span", { text: "Copy" });
  const button = h("button.quiet.small", { type: "button", "aria-label": `Copy ${name}` }, label);
  let timer;
  button.addEventListener("click", async () => {
    label.textContent = (await copy(text())) ? "Copied" : "Not copied";
    announce(label.textContent === "Copied" ? `Copied ${name}` : `${name} could not be copied`);
    clearTimeout(timer);
    timer = setTimeout(() => { label.textContent = "Copy"; }, 2000);
  });
  return button;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Announces a text to screen readers. */
export function announce(text) {
  const node = document.getElementById("announcer");
  if (node) node.textContent = text;
}

/**
 * Asks before an action that cannot be undone.
 * @returns {Promise<boolean>}
 */
export function confirm(title, text, action) {
  const yes = h("button.primary", { value: "yes", text: action });
  const no = h("button", { value: "no", text: "Not now" });
  const dialog = h("dialog.ask", { "aria-labelledby": "ask-title" },
    h("form", { method: "dialog" }, h("h2", { id: "ask-title", text: title }), h("p", { text }),
      h("div.actions", {}, no, yes)));
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
    no.focus();
  });
}
