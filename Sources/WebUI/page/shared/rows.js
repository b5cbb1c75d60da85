// One delegation in a list, and the effect of each event on it. This is the part of the server's fold
// that a list needs, so that a row changes at once without a request.

import { phaseOf } from "./phases.js";
import { moment } from "./time.js";
import { STATE_AFTER } from "./words.js";

/**
 * A row from the API's format, without the long texts.
 * @param pullState the state of its pull request, if that is known better
 */
export function rowOf(item, pullState = item.pullRequest?.state) {
  return {
    phase: phaseOf(item.state, item.failure?.code, pullState),
    id: item.id,
    code: item.confirmationCode,
    stamp: Number(item.confirmationCode.slice(2)),
    state: item.state,
    failure: item.failure?.code ?? null,
    title: item.taskTitle ?? "(its words were removed)",
    repository: `${item.repository.owner}/${item.repository.repo}`,
    branch: item.branchName,
    requester: item.requester,
    agent: item.agent,
    worker: item.worker,
    pullRequest: item.pullRequest,
    attempt: item.attempt,
    queue: item.queue ? { place: item.queue.place, startsAt: moment(item.queue.startsAt) } : null,
    requestedAt: moment(item.requestedAt),
    since: moment(item.stateSince),
    waiting: item.waiting ? { code: item.waiting.code, until: moment(item.waiting.until) } : null,
    cancelRequested: item.cancelRequested ?? false,
    quarantine: item.quarantine ?? null,
    follows: item.follows ?? null,
    version: item.version,
  };
}

/** A row from a delegation's first event. */
export function rowBegun(event) {
  const d = event.data;
  const time = moment(event.time);
  return {
    id: event.stream.slice("delegation-".length), code: `PR${d.stamp}`, stamp: d.stamp,
    state: "Requested", phase: "queued", failure: null,
    title: d.text?.title ?? "(its words were removed)", repository: d.repository,
    branch: d.branch, requester: d.requester, agent: d.agent, worker: null, pullRequest: null,
    attempt: 0, queue: null, requestedAt: time, since: time, waiting: null, cancelRequested: false,
    quarantine: null, follows: d.follows ?? null, version: event.version,
  };
}

/**
 * Applies an event to a row.
 * @returns {boolean} false if the row lacks data for it and must be read again
 */
export function advance(row, event) {
  if (event.version <= row.version) return true;
  if (event.version > row.version + 1) return false;
  // The state after a retry depends on data that the row does not contain.
  if (event.type === "delegation.retry-requested") return false;
  row.version = event.version;
  const d = event.data;
  const state = STATE_AFTER[event.type];
  if (state) {
    row.state = state;
    row.since = moment(event.time);
    row.waiting = null;
    row.failure = null;
  }
  switch (event.type) {
    case "delegation.base-resolved":
    case "delegation.generated":
      row.waiting = null;
      break;
    case "delegation.pr-created":
      row.pullRequest = { number: d.pr, html_url: d.url, state: "open" };
      break;
    case "delegation.dispatched":
      row.worker = d.worker;
      row.attempt = d.attempt;
      break;
    case "delegation.failed":
      row.failure = d.code;
      row.cancelRequested = false;
      break;
    case "delegation.released":
      row.agent = d.agent ?? row.agent;
      break;
    case "delegation.step-failed":
      row.waiting = { code: d.code, until: d.retryAt };
      row.agent = d.agent ?? row.agent;
      break;
    case "delegation.cancel-requested":
      row.cancelRequested = true;
      break;
    case "delegation.pull-request-updated":
      if (row.pullRequest) row.pullRequest = { ...row.pullRequest, state: d.code };
      break;
    default:
      break;
  }
  row.phase = phaseOf(row.state, row.failure, row.pullRequest?.state);
  return true;
}

/** Whether a row matches a filter, by the server's rules. */
export function matches(row, { state, repository, search }) {
  if (state && row.state !== state) return false;
  if (repository && row.repository !== repository) return false;
  if (!search) return true;
  const text = fold([row.title, row.branch, row.repository, row.code].join("\n"));
  return fold(search).split(/\s+/).every((word) => text.includes(word));
}

/** Lower case for A–Z alone. */
function fold(text) {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
