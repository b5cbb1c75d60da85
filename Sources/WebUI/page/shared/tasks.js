// One task in a list, and the effect of each event on it. This is the part of the server's fold that a
// list needs (Projections/Views/Tasks.swift), so that a row changes at once without a request.

import { phaseOf } from "./phases.js";
import { moment } from "./time.js";
import { STATE_AFTER } from "./words.js";

const REMOVED = "(its words were removed)";

/** A row from the API's format, without the long texts. */
export function taskOf(item) {
  const d = item.delegation;
  return {
    first: item.first, id: d.id, code: d.confirmationCode, stamp: Number(d.confirmationCode.slice(2)),
    state: d.state, phase: item.phase, title: item.title ?? REMOVED, newestTitle: d.taskTitle ?? REMOVED,
    repository: `${d.repository.owner}/${d.repository.repo}`, branch: d.branchName,
    requester: item.requester, agent: d.agent, attempt: d.attempt, rounds: item.rounds,
    pull: d.pullRequest && { ...d.pullRequest, state: item.pullRequestState ?? d.pullRequest.state },
    added: item.linesAdded, removed: item.linesRemoved, cost: item.costMicrodollars,
    attempts: item.attempts, withoutCost: item.attemptsWithoutCost, worked: item.workedMs,
    workingSince: moment(item.workingSince), requestedAt: moment(d.requestedAt),
    failure: d.failure?.code ?? null, waiting: d.waiting && { code: d.waiting.code, until: moment(d.waiting.until) }, cancelRequested: d.cancelRequested,
    quarantine: d.quarantine, version: d.version,
    queue: d.queue && { place: d.queue.place, startsAt: moment(d.queue.startsAt) },
  };
}

/** A row from the first event of a delegation that is no follow-up. */
export function taskBegun({ stream, data: d, time, version }) {
  const id = stream.slice("delegation-".length);
  const title = d.text?.title ?? REMOVED;
  return {
    first: id, id, code: `PR${d.stamp}`, stamp: d.stamp, state: "Requested", phase: "queued", title,
    newestTitle: title, repository: d.repository, branch: d.branch, requester: d.requester,
    agent: d.agent, attempt: 0, rounds: 1, pull: null, added: 0, removed: 0, cost: null, attempts: 0,
    withoutCost: 0, worked: 0, workingSince: null, requestedAt: moment(time), failure: null,
    waiting: null, cancelRequested: false, quarantine: null, version, queue: null,
  };
}

/**
 * Applies an event of the newest delegation.
 * @returns {boolean} false if the row lacks data for it and must be read again
 */
export function advance(row, event) {
  if (event.version <= row.version) return true;
  if (event.version > row.version + 1) return false;
  // The state after a retry depends on data that the row does not contain.
  if (event.type === "delegation.retry-requested") return false;
  // So does that of a task whose follow-up was cancelled.
  if (event.type === "delegation.failed" && event.data.code === "cancelled" && row.rounds > 1) return false;
  row.version = event.version;
  const d = event.data;
  const state = STATE_AFTER[event.type];
  if (state) {
    row.state = state;
    row.waiting = null;
    row.failure = null;
  }
  switch (event.type) {
    case "delegation.base-resolved":
      row.waiting = null;
      break;
    case "delegation.pr-created":
      row.pull = { number: d.pr, html_url: d.url, state: row.pull?.state ?? "open" };
      break;
    case "delegation.dispatched":
      row.attempt = d.attempt;
      if (row.workingSince === null) {
        row.attempts += 1;
        row.workingSince = moment(event.time);
      }
      break;
    case "delegation.generated":
      row.waiting = null;
      row.added += d.insertions ?? 0;
      row.removed += d.deletions ?? 0;
      endAttempt(row, event);
      break;
    case "delegation.released":
      row.agent = d.agent ?? row.agent;
      endAttempt(row, event);
      break;
    case "delegation.failed":
      row.failure = d.code;
      row.cancelRequested = false;
      endAttempt(row, event);
      break;
    case "delegation.step-failed":
      row.waiting = { code: d.code, until: typeof d.retryAt === "number" ? d.retryAt : moment(d.retryAt) };
      row.agent = d.agent ?? row.agent;
      break;
    case "delegation.cancel-requested":
      row.cancelRequested = true;
      break;
    case "delegation.pull-request-updated":
      if (row.pull) row.pull = { ...row.pull, state: d.code };
      break;
    default:
      break;
  }
  row.phase = phaseOf(row.state, row.failure, row.pull?.state);
  return true;
}

function endAttempt(row, { data, time }) {
  const cost = data.costMicrodollars ?? null;
  if (cost !== null) row.cost = (row.cost ?? 0) + cost;
  if (row.workingSince === null) return;
  if (cost === null) row.withoutCost += 1;
  row.worked += Math.max(0, moment(time) - row.workingSince);
  row.workingSince = null;
}

/** Whether a row matches a filter, by the server's rules. */
export function matches(row, { repository, requester, agent, since, until, search }) {
  if (since !== null && row.stamp < since) return false;
  if (until !== null && row.stamp >= until) return false;
  if (requester && row.requester !== requester) return false;
  if (agent && row.agent !== agent) return false;
  if (repository) {
    const [name, part] = [fold(row.repository), fold(repository)];
    if (part.includes("/") ? name !== part : !name.includes(part)) return false;
  }
  if (!search) return true;
  const text = fold([row.repository, row.newestTitle, row.title].join("\n"));
  const numbered = fold([row.branch, row.code].join("\n"));
  return termsOf(search).every((term) => text.includes(term)
    || (!/^\d{1,5}$/.test(term) && numbered.includes(term)));
}

/** Words, and phrases between quotation marks. */
function termsOf(text) {
  return fold(text).split('"')
    .flatMap((part, index) => (index % 2 === 0 ? part.split(/\s+/) : [part]))
    .filter((term) => term !== "");
}

/** Lower case for A–Z alone. */
function fold(text) {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
