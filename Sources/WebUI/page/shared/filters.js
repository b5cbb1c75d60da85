// The filters of the list as addresses, and those that people saved.

import { NEEDS, PHASES } from "./phases.js";
import { recall, store } from "./memory.js";

const SAVED_MAX = 20;
const NAMES = ["need", "phase", "repo", "agent", "mine", "since", "until", "q"];

/** With it a browser's field for a day takes four digits for a year, and not six. */
export const LAST_DAY = "9999-12-31";

/** The spans of a filter's `since`, up to now. */
export const SPANS = {
  "24h": { name: "Last 24 hours", hours: 24 }, "7d": { name: "Last 7 days", hours: 7 * 24 },
  "30d": { name: "Last 30 days", hours: 30 * 24 },
};

/** Where the list stood last. */
export const lastList = { address: "#/delegations" };

/** The filter of a query, without what is not one. */
export function filterOf(query) {
  const filter = {};
  for (const name of NAMES) {
    const value = query.get(name)?.trim();
    if (value) filter[name] = value;
  }
  if (filter.need && !(filter.need in NEEDS)) delete filter.need;
  if (filter.since && !(filter.since in SPANS) && startOf(filter.since) === null) delete filter.since;
  if (filter.until && startOf(filter.until) === null) delete filter.until;
  if (filter.phase && !filter.phase.split(",").every((phase) => phase in PHASES)) delete filter.phase;
  return filter;
}

/** The start of a day such as `2026-11-23` where the person is; null if it is none. */
function startOf(day, after = 0) {
  const [, year, month, date] = day.match(/^(\d{4})-(\d\d)-(\d\d)$/) ?? [];
  if (!year || Number.isNaN(Date.parse(day))) return null;
  return new Date(Number(year), Number(month) - 1, Number(date) + after).getTime();
}

/** @returns `{since, until}`: the moments between which a task was requested; null for no limit */
export function momentsOf({ since, until }, now = Date.now()) {
  return {
    since: !since ? null : since in SPANS ? now - SPANS[since].hours * 3_600_000 : startOf(since),
    // The whole of the last day.
    until: until ? startOf(until, 1) : null,
  };
}

/** The text of a filter in an address: the same filter has one text. */
export function filterText(filter) {
  const query = new URLSearchParams();
  for (const name of NAMES) if (filter[name]) query.set(name, filter[name]);
  return query.toString();
}

export function filterAddress(filter) {
  const text = filterText(filter);
  return `#/delegations${text && "?"}${text}`;
}

/** @returns {{name: string, text: string}[]} */
export function savedFilters() {
  const saved = recall("filters");
  return Array.isArray(saved)
    ? saved.filter((each) => typeof each?.name === "string" && typeof each.text === "string") : [];
}

export function saveFilter(name, text) {
  const rest = savedFilters().filter((each) => each.name !== name && each.text !== text);
  store("filters", [...rest, { name, text }].slice(-SAVED_MAX));
}

export function forgetFilter(text) {
  store("filters", savedFilters().filter((each) => each.text !== text));
}
