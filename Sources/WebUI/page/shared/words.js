// The meaning of the log's words for people. Unknown words are shown unchanged.

import { minute, moment } from "./time.js";

/** The states of a delegation without failures, in order; `Failed` is the other end. */
export const STATES = ["Requested", "BranchCreated", "TaskCommitted", "PRCreated", "Dispatched",
  "Generating", "Pushed", "Failed"];

export function isOver(state) {
  return state === "Pushed" || state === "Failed";
}

/** The state after an event; undefined if the event changes no state. */
export const STATE_AFTER = {
  "delegation.requested": "Requested",
  "delegation.branch-created": "BranchCreated",
  "delegation.task-committed": "TaskCommitted",
  "delegation.pr-created": "PRCreated",
  "delegation.dispatched": "Dispatched",
  "delegation.generating": "Generating",
  "delegation.pushed": "Pushed",
  "delegation.failed": "Failed",
  "delegation.released": "PRCreated",
};

const STEP = {
  "resolve-base": "reading the repository", "create-branch": "creating the branch",
  "commit-task": "committing TASK.md", "open-pull-request": "opening the pull request",
  adopt: "reading the pull request", prepare: "preparing the agent's work",
  generate: "the agent's work", push: "the push", act: "a comment or label",
};

export function stepWords(step) {
  return STEP[step] ?? step;
}

const WAITS = {
  unreachable: "the forge can't be reached",
  "no-answer": "the forge did not answer",
  unavailable: "the forge is not available",
  "rate-limited": "the forge's rate limit is used up",
  "forge-down": "the forge is down, and is left alone for a while",
  "not-yet-visible": "the forge does not show yet what was written",
  conflict: "somebody else wrote at the same time",
  local: "the server's own git or disk failed",
  "agent-limited": "the agent's provider allows no more for now",
};

export function waitWords(code) {
  return WAITS[code] ?? code;
}

/**
 * What a delegation waits for, such as `waits for claude until 14:05`.
 * @param waiting the API's or a row's; null if a step is under way
 * @returns null if it does not wait
 */
export function waitingWords({ waiting, agent }) {
  if (!waiting) return null;
  if (waiting.code !== "agent-limited") return `waits: ${waitWords(waiting.code)}`;
  const { until } = waiting;
  return `waits for ${agent} until ${minute(typeof until === "number" ? until : moment(until))}`;
}

/** Why feedback led to no round. */
const IGNORED = {
  "no-permission": "its author may not push to the repository",
  "permission-unknown": "the forge does not say whether its author may push",
  "bot-not-listed": "its author is a program that the workflow does not list",
  "source-off": "the workflow does not react to such feedback",
  "pull-request-ended": "the pull request had ended",
  "commit-outdated": "it is about a commit that is not AIPM's last one",
  "rounds-maximum": "the workflow allows no more rounds",
  "rounds-checks": "the workflow allows no more rounds in a row for failed checks",
};

export function ignoredWords(reason) {
  return IGNORED[reason] ?? reason;
}

const SAID = {
  ask: "asked", review: "reviewed", "review-comment": "commented", comment: "commented",
  check: "reported a failed check", conflict: "reported a conflict",
  behind: "asked for the newest commits of the base branch",
};

/** What somebody did who gave feedback. */
export function saidWords(source) {
  return SAID[source] ?? source;
}

/** A line or a file; empty if it is about the pull request. */
export function placeWords({ path, line }) {
  return path ? `${path}${line == null ? "" : `:${line}`}` : "";
}

/** The first line with words. */
export function firstLine(text, max = 100) {
  const line = (text ?? "").split("\n").find((each) => each.trim() !== "")?.trim() ?? "";
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}

/** What happened, by the code of a failure. Of one delegation, the server says more. */
const FAILURES = {
  "no-changes": "The agent ended without changing a file.",
  "agent-failed": "The agent ended with an error.",
  "agent-timeout": "The agent did not finish within its time limit.",
  "agent-not-found": "No worker could start the agent.",
  "verify-failed": "The checks after the agent did not pass.",
  "change-refused": "The change was refused.",
  "push-rejected": "The forge did not take the commit.",
  "branch-diverged": "The branch is gone, or has commits that are not AIPM's.",
  "forge-refused": "The forge refused.",
  cancelled: "Cancelled.",
  "budget-exceeded": "Its budget is used up.",
  "attempts-exhausted": "Its workers were lost again and again.",
};

export function failureWords(code) {
  return FAILURES[code] ?? "It failed.";
}

const OUTCOMES = {
  generated: "generated", "worker-lost": "worker lost", "worker-crashed": "worker crashed",
  drained: "worker drained", "commit-stale": "commit no longer fits",
  "agent-failed": "agent failed", "agent-timeout": "agent timed out",
  "agent-not-found": "agent not found", "agent-limited": "provider's limit", "no-changes": "no changes",
  "verify-failed": "checks failed", "change-refused": "change refused",
  "push-rejected": "push refused", "branch-diverged": "branch changed", "forge-refused": "forge refused",
  "budget-exceeded": "budget used up", "attempts-exhausted": "workers lost", cancelled: "cancelled", "worker-fault": "worker's machine failed",
};

export function outcomeWords(outcome) {
  return OUTCOMES[outcome] ?? outcome;
}

/** Why a host was refused. */
const REFUSALS = {
  "network-off": "the workflow allows no network", "host-invalid": "not the name of a host",
  "host-unlisted": "not in the workflow's list", "host-special": "not a public name",
  "port-unlisted": "allowed, but not on this port", "name-unresolved": "the name has no address",
  "address-refused": "the name leads to a private address",
  "address-own": "the name leads to AIPM itself", "connect-failed": "no connection in time",
  "tls-missing": "no TLS, which is required", "tls-name": "another name within TLS",
  "request-invalid": "the request is malformed", "head-limit": "the request's head is too long",
  "upload-limit": "the upload limit is reached",
  "connection-limit": "too many connections at once", "key-echoed": "the model's key was in a response",
};

export function refusalWords(code) {
  return REFUSALS[code] ?? code;
}

/** An attempt's network use in numbers. */
export function networkWords({ reached, refused }) {
  return `${hosts(reached)} reached, ${refused} refused`;
}

/** The usage that an agent reported, in numbers; empty if it is unknown. */
export function usageWords({ inputTokens, outputTokens, cachedTokens, costMicrodollars, millicredits }) {
  const parts = [];
  const cached = cachedTokens == null ? "" : ` (${counted(cachedTokens)} cached)`;
  if (inputTokens != null) parts.push(`${counted(inputTokens)} tokens in${cached}`);
  if (outputTokens != null) parts.push(`${counted(outputTokens)} ${inputTokens == null ? "tokens out" : "out"}`);
  if (millicredits != null) parts.push(`${(millicredits / 1000).toFixed(2)} credits`);
  if (costMicrodollars != null) parts.push(dollars(costMicrodollars));
  return parts.join(", ");
}

/** The cost of a task's attempts in dollars: `$0.42`, with a plus if some did not report theirs. */
export function costWords({ cost, withoutCost }) {
  if (cost === null) return withoutCost > 0 ? "–" : "";
  return `${dollars(cost)}${withoutCost > 0 ? "+" : ""}`;
}

/** Millionths of a dollar as dollars; small amounts have more digits. */
export function dollars(micro) {
  const amount = micro / 1_000_000;
  return `$${amount.toFixed(amount >= 0.01 || amount === 0 ? 2 : 4)}`;
}

/** A number with its thousands apart. */
export function counted(number) {
  return number.toLocaleString("en-US");
}

function hosts(count) {
  return count === 1 ? "1 host" : `${count} hosts`;
}

/** The descriptions of a worker's states. */
export const WORKER_MEANING = {
  starting: "Starts, and has not registered yet",
  idle: "Free for work",
  busy: "At work",
  draining: "Ends when its work is done; takes no more",
  unhealthy: "Silent for longer than it should be",
  parked: "Kept ending, and waits for somebody to restart it",
  lost: "Not heard from any more; its work was given back",
  stopped: "Ended as asked",
};

/** One event in a few words. */
export function eventWords(event) {
  const d = event.data ?? {};
  switch (event.type) {
    case "delegation.requested": return `by ${d.requester} for ${d.repository}`;
    case "delegation.base-resolved": return `${d.baseBranch} at ${short(d.sha)}`;
    case "delegation.branch-created": return `at ${short(d.sha)}${adopted(d)}`;
    case "delegation.task-committed": return `${short(d.sha)}${adopted(d)}`;
    case "delegation.pr-created": return `#${d.pr}${adopted(d)}`;
    case "delegation.dispatched": return `to ${d.worker}, attempt ${d.attempt}`;
    case "delegation.generating":
      return `${d.agent} on ${short(d.sha)}, attempt ${d.attempt}${d.continues ? `, continues ${d.continues}` : ""}`;
    case "delegation.generated": return `${short(d.sha)}, attempt ${d.attempt}`;
    case "delegation.pushed": return `${short(d.sha)}${adopted(d)}`;
    case "delegation.failed": return d.code === "cancelled" ? "cancelled" : `${d.code}, during ${stepWords(d.step)}`;
    case "delegation.step-failed": return `${stepWords(d.step)}: ${waitWords(d.code)}, try ${d.tries}`;
    case "delegation.released": return `${outcomeWords(d.code)}, attempt ${d.attempt}`;
    case "delegation.pull-request-updated": return `${d.code}`;
    case "delegation.action-done": return noticeWords(d);
    case "delegation.network-used": return `attempt ${d.attempt}: ${networkWords(d)}`;
    case "delegation.feedback-recorded": return `${feedbackWords(d)}${standingWords(d.code)}`;
    case "delegation.feedback-judged": return `${d.feedback}${standingWords(d.code)}`;
    case "delegation.round-started": return `for ${things(d.takes)}${d.requester ? `, ${d.requester} asked` : ""}`;
    case "delegation.round-ended": return d.sha ? `commit ${short(d.sha)}` : `${d.code}`;
    case "delegation.round-resumed": return "tried again";
    case "delegation.rounds-stopped":
      return `for ${things(d.drops)}: ${ignoredWords(`rounds-${d.code}`)}`;
    case "worker.registered": return `start ${d.incarnation}, on ${d.host}`;
    case "worker.restarted": return `again in ${d.delayMs} ms`;
    case "system.started": return `epoch ${d.epoch}, version ${d.version}`;
    case "system.recovered": return `${d.inFlight} in flight, in ${d.durationMs} ms`;
    case "system.redacted": return `position ${d.redacted}`;
    case "system.workflow-defined": return `${d.workflow}`;
    default: return "";
  }
}

const NOTICES = {
  reply: "a reply", summary: "a comment on what was done", opened: "the comment of the start",
  pushed: "the comment of the end", failed: "the comment of the failure",
  cancelled: "the comment of the cancellation",
};

/** What was written on the pull request; its marker names the kind and a number. */
export function noticeWords({ marker, text }) {
  const kind = Object.keys(NOTICES).find((each) => marker.startsWith(each));
  const what = NOTICES[kind] ?? `"${marker}"`;
  return text?.message ? `${what} could not be written: ${text.message}` : `${what} is on the pull request`;
}

/** Who said what, from the event that recorded it. */
function feedbackWords({ author, source, line, text }) {
  const place = placeWords({ path: text?.path, line });
  const words = firstLine(text?.body);
  return `${author} ${saidWords(source)}${place && ` on ${place}`}${words && `: "${words}"`}`;
}

function standingWords(code) {
  if (code === "counts") return "";
  return code === "examined" ? "; the forge is asked whether its author may push"
    : `; it leads to no round: ${ignoredWords(code)}`;
}

function things(ids = []) {
  return ids.length === 1 ? "1 comment" : `${ids.length} comments`;
}

function adopted(d) {
  return d.adopted ? ", found" : "";
}

/** The short name of a commit. */
export function short(sha) {
  return (sha ?? "").slice(0, 7);
}
