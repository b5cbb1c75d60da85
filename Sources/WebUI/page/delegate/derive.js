// The title, the branch and the pull request's title that follow from what somebody wrote.

const TITLE_MAX = 72;
const BRANCH_MAX = 48;

/** The first sentence of a text, without the marks of lists and headings. */
export function titleOf(text) {
  const line = text.split("\n").map((each) => each.replace(/^[\s#>*\-\d.)]+/, "").trim())
    .find((each) => each !== "") ?? "";
  const sentence = line.match(/^.*?[.!?](?=\s|$)/)?.[0] ?? line;
  const whole = (sentence.length > 12 ? sentence : line).replace(/[.:;,]+$/, "");
  if (whole.length <= TITLE_MAX) return whole;
  const cut = whole.slice(0, TITLE_MAX + 1);
  const end = cut.lastIndexOf(" ");
  return cut.slice(0, end > TITLE_MAX / 2 ? end : TITLE_MAX).replace(/[.:;,\s]+$/, "");
}

export function branchOf(title) {
  const name = title.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase()
    .replace(/[^a-z0-9]+/g, "-").slice(0, BRANCH_MAX).replace(/^-+|-+$/g, "");
  return name && `${kindOf(title) === "fix" ? "fix" : "feature"}/${name}`;
}

export function pullTitleOf(title) {
  return title && `${kindOf(title)}: ${title}`;
}

/** The kind of change in a title, as commit messages name it. */
function kindOf(title) {
  const word = title.split(/\s/)[0].toLowerCase();
  if (["fix", "repair", "correct"].includes(word)) return "fix";
  if (["document", "describe"].includes(word)) return "docs";
  return word === "refactor" ? "refactor" : "feat";
}

/** The issue that a text names, if it is nothing else: its address or `owner/repo#12`; null if not. */
export function issueIn(text) {
  const only = text.trim();
  return /^(https?:\/\/\S+\/issues\/\d+\/?([?#]\S*)?|[\w.-]+\/[\w./-]+#\d+)$/.test(only) ? only : null;
}

/** The repository of the first address in a text that has one: `owner/repo`; null without one. */
export function repositoryIn(text) {
  const found = /https?:\/\/[^\s/]+\/([\w.-]+)\/([\w.-]+)\/(?:issues|pull)\/\d+/.exec(text);
  return found && `${found[1]}/${found[2]}`;
}
