// The page's frame: the selection of the shown part, the connection, the theme, the keys.

import { isOwnOrigin, keepToken, request } from "./shared/api.js";
import { announce, h, put, setText } from "./shared/dom.js";
import { Feed } from "./shared/feed.js";
import { bindKeys, showPalette } from "./shared/keys.js";
import { ICON, icon } from "./shared/marks.js";
import { identify as readMe } from "./shared/me.js";
import { Notices, setTitle } from "./shared/notices.js";
import { open as openDelegations } from "./delegations/page.js";
import { at, prepareFormats } from "./shared/time.js";

const feed = new Feed();
const notices = new Notices(feed);
const main = document.getElementById("main");

/** The part of each address. Only the first page's parts are loaded in advance. */
const ROUTES = [
  [/^\/delegations$/, async () => openDelegations],
  [/^\/repositories\/([^/]+\/.+)$/, async () => openDelegations],
  [/^\/delegations\/(.+)$/, () => part(import("./delegation/page.js"), "delegate/form.css",
    "shared/detail.css", "conversation/conversation.css", "delegation/review.css")],
  [/^\/delegate$/, () => part(import("./delegate/page.js"), "delegate/form.css")],
  [/^\/workers$/, () => part(import("./workers/page.js"), "shared/detail.css", "shared/fleet.css")],
  [/^\/health$/, () => part(import("./health/page.js"), "shared/fleet.css")],
  [/^\/usage$/, () => part(import("./usage/page.js"), "shared/fleet.css")],
  [/^\/audit$/, () => part(import("./audit/page.js"), "shared/detail.css", "shared/fleet.css")],
];

/** Loads a part with its styles, which apply before it is shown. */
async function part(loading, ...sheets) {
  const [{ open }] = await Promise.all([loading, ...sheets.map(style)]);
  return open;
}

/** A style sheet that the page names without loading it: the order is the page's. */
function style(name) {
  const link = document.querySelector(`link[href="${name}"]`);
  return new Promise((resolve, reject) => {
    if (link.sheet) {
      resolve();
      return;
    }
    link.addEventListener("load", resolve, { once: true });
    link.addEventListener("error", () => {
      link.disabled = true;
      reject(new Error(name));
    }, { once: true });
    link.disabled = false;
  });
}

let shown = null;
let shownPath = "";
let turn = 0;

async function route() {
  if (isSignedOut) return;
  const [path, query = ""] = (location.hash.slice(1) || "/delegations").split("?");
  const mine = turn += 1;
  // Another place of the shown page.
  if (shown?.moved && path === shownPath) {
    shown.moved(new URLSearchParams(query));
    return;
  }
  for (const [pattern, load] of ROUTES) {
    const match = path.match(pattern);
    if (!match) continue;
    let open;
    try {
      open = await load();
    } catch {
      if (mine === turn) notLoaded();
      return;
    }
    if (mine !== turn) return;
    show(open({
      feed, ref: match[1] ? decodeURIComponent(match[1]) : null, query: new URLSearchParams(query),
    }), path);
    return;
  }
  show({
    title: "Not found", close() {},
    node: h("section.page", {}, h("h1", { tabindex: -1, text: "Not found" }),
      h("p.empty", {}, "There is no such page. ", h("a", { href: "#/delegations", text: "To the delegations" }))),
  }, "");
}

/** Shown until the connection is back, which loads the page again. */
function notLoaded() {
  const again = () => { if (feed.state === "live") route(); };
  feed.addEventListener("state", again);
  show({
    title: "Not loaded yet", close() { feed.removeEventListener("state", again); },
    node: h("section.page", {}, h("h1", { tabindex: -1, text: "Not loaded yet" }),
      h("div.list-message", {}, h("p", { text: "This page is loaded as soon as the server answers." }),
        h("button", { type: "button", text: "Try now", onclick: route }))),
  }, "");
}

function show(page, path) {
  shown?.close();
  bindKeys(page.keys ?? {});
  const first = shown === null;
  shown = page;
  shownPath = path;
  put(main, page.node);
  page.opened?.();
  setTitle(page.title);
  for (const link of document.querySelectorAll(".nav a")) {
    const here = path.startsWith(link.getAttribute("href").slice(1))
      || (path.startsWith("/repositories") && link.getAttribute("href") === "#/delegations");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.getElementById("delegate").hidden = path === "/delegate";
  if (first) return;
  announce(page.title);
  // A dialog keeps the focus.
  if (!page.node.contains(document.activeElement) && !document.querySelector("dialog[open]")) {
    (page.node.querySelector("[data-first]") ?? page.node.querySelector("h1"))?.focus(
      { preventScroll: true });
  }
}

// The sender of this page's requests

const who = document.getElementById("who");
let isSignedOut = false;

/** Shows the name of a person who signed in, and hides what the server would refuse. */
async function identify() {
  let me;
  try {
    me = await readMe();
  } catch {
    // The sign-in is shown, or the connection is lost, which its own sign shows.
    return;
  }
  notices.start();
  who.hidden = !me.hasSession && isOwnOrigin;
  setText(who.querySelector(".who-name"), me.name);
  const environment = document.getElementById("environment");
  setText(environment, me.environment);
  environment.dataset.name = me.environment;
  environment.hidden = false;
  for (const node of document.querySelectorAll("[data-needs]")) {
    node.dataset.refused = me.permissions.includes(node.dataset.needs) ? "no" : "yes";
  }
}

addEventListener("aipm-signed-out", async () => {
  if (isSignedOut) return;
  isSignedOut = true;
  // A part that still loads must not take the place of the sign-in.
  turn += 1;
  document.body.dataset.signedOut = "";
  who.hidden = true;
  const open = await part(import("./sign-in/page.js"), "delegate/form.css");
  show(open({ signedIn }), "/sign-in");
  main.querySelector("[data-first]")?.focus();
});

function signedIn() {
  isSignedOut = false;
  delete document.body.dataset.signedOut;
  identify();
  feed.retry();
  route();
}

who.querySelector("button").addEventListener("click", async () => {
  keepToken(null);
  try {
    if (isOwnOrigin) await request("api/session", { method: "DELETE" });
  } finally {
    // Nothing of the person's stays in memory.
    location.reload();
  }
});

// The connection

const link = document.getElementById("link");
const notice = document.getElementById("notice");
const NOTICE_AFTER_MS = 1000;
let noticing = null;
let isShown = false;
let wasLive = false;

const LINK_WORDS = { connecting: "Connecting", live: "Live", lost: "Offline", paused: "Paused" };

feed.addEventListener("state", () => {
  link.dataset.state = feed.state;
  wasLive ||= feed.state === "live";
  setText(link.querySelector(".link-word"), LINK_WORDS[feed.state]);
  clearTimeout(noticing);
  if (feed.state === "lost") noticing = setTimeout(showLost, isShown ? 0 : NOTICE_AFTER_MS);
  else if (feed.state === "live" && isShown) noticing = setTimeout(showBack, 300);
  if (feed.state === "live" && !isPrepared) prepare();
});

let isPrepared = false;

/** Loads the other pages while nothing else is to be done, so that a click shows them at once. */
async function prepare() {
  isPrepared = true;
  if (navigator.connection?.saveData) return;
  for (const [, load] of ROUTES) {
    await new Promise((resolve) => { (window.requestIdleCallback ?? setTimeout)(resolve); });
    // A click loads it again.
    await load().catch(() => {});
  }
  (window.requestIdleCallback ?? setTimeout)(prepareFormats);
}

function showLost() {
  // A page of another origin that never got an answer says why itself.
  if (!wasLive && !isOwnOrigin) return;
  isShown = true;
  notice.dataset.kind = "lost";
  const since = at(feed.goodAt);
  if (notice.dataset.since === since) return;
  notice.dataset.since = since;
  put(notice, h("span", { text: `Connection lost. What you see is as of ${since}; it will catch up.` }),
    h("button.small", { type: "button", text: "Try now", onclick: () => feed.retry() }));
}

function showBack() {
  isShown = false;
  delete notice.dataset.since;
  notice.dataset.kind = "back";
  const count = feed.caughtUp;
  put(notice, h("span", {
    text: count === 0 ? "Connected again. Nothing was missed."
      : `Connected again. Caught up with ${count} ${count === 1 ? "event" : "events"}.`,
  }));
  noticing = setTimeout(() => {
    delete notice.dataset.kind;
    put(notice);
  }, 4000);
}

// The theme

const THEMES = { auto: "as the system", light: "light", dark: "dark" };
const themeButton = document.getElementById("theme");

function showTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  put(themeButton, icon(ICON[theme]));
  themeButton.setAttribute("aria-label", `Theme: ${THEMES[theme]}`);
  themeButton.title = `Theme: ${THEMES[theme]}`;
}

themeButton.addEventListener("click", () => {
  const names = Object.keys(THEMES);
  const now = document.documentElement.dataset.theme ?? "auto";
  const next = names[(names.indexOf(now) + 1) % names.length];
  showTheme(next);
  announce(`Theme: ${THEMES[next]}`);
  try {
    if (next === "auto") localStorage.removeItem("aipm.theme");
    else localStorage.setItem("aipm.theme", next);
  } catch {
    // Without storage, the choice lasts until the page is closed.
  }
});

showTheme(document.documentElement.dataset.theme ?? "auto");
const paletteButton = document.getElementById("palette");
put(paletteButton, icon(ICON.search));
paletteButton.addEventListener("click", showPalette);

// Notifications

const notifyButton = document.getElementById("notify");

function showNotify() {
  notifyButton.hidden = !notices.isPossible;
  put(notifyButton, icon(notices.isOn ? ICON.bell : ICON.bellOff));
  notifyButton.setAttribute("aria-pressed", notices.isOn ? "true" : "false");
  notifyButton.title = notices.isBlocked ? "Notifications are blocked in this browser's settings"
    : notices.isOn ? "Notifications about what you asked for are on" : "Notify me about what I asked for";
}

notices.addEventListener("change", () => {
  showNotify();
  announce(notifyButton.title);
});
notifyButton.addEventListener("click", () => notices.toggle());
showNotify();

document.getElementById("delegate").addEventListener("click", () => { location.hash = "#/delegate"; });
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", route);
identify();
feed.start();
route();
