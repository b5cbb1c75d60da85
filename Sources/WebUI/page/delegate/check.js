// Checks a request before it is sent, by the server's rules and with its messages, so that an error
// appears beside its field at once. The server checks again, and its result counts.

export const LIMITS = {
  title: 256, objective: 20_000, constraints: 20_000, criterion: 2_000, criteria: 100, owner: 39,
  repo: 100, branchBytes: 244, stampBytes: 14,
};

/**
 * Checks a request as the API does.
 * @returns {{field: string, message: string}[]} the errors; a list's item is `acceptanceCriteria[3]`.
 *   The message follows the field's name in a sentence
 */
export function faultsOf(given) {
  const body = {
    ...given, taskTitle: plainLine(given.taskTitle), objective: plain(given.objective),
    prTitle: plainLine(given.prTitle), constraints: plain(given.constraints),
    acceptanceCriteria: given.acceptanceCriteria?.map(plain),
  };
  const faults = [];
  const note = (field, message) => { if (message) faults.push({ field, message }); };
  note("owner", owner(body.owner));
  note("repo", repo(body.repo));
  note("branchName", branch(body.branchName, true));
  note("taskTitle", line(body.taskTitle, "the headline of TASK.md"));
  note("objective", block(body.objective, "what the agent is to achieve"));
  note("prTitle", line(body.prTitle, "the title of the pull request and its commits"));
  note("constraints", tooLong(body.constraints, LIMITS.constraints) ?? controls(body.constraints));
  const criteria = body.acceptanceCriteria ?? [];
  const written = criteria.filter((text) => !isBlank(text));
  if (written.length > LIMITS.criteria) {
    note("acceptanceCriteria",
      `has ${written.length} entries; write at most ${LIMITS.criteria}`);
  }
  criteria.forEach((text, index) => {
    if (isBlank(text)) return;
    note(`acceptanceCriteria[${index}]`, tooLong(text, LIMITS.criterion) ?? controls(text));
  });
  if (body.baseBranch !== undefined) note("baseBranch", branch(body.baseBranch, false));
  return faults;
}

// An end of line; control sequences, control strings and other escapes (ECMA-48).
const END = "\\r\\n?";
const CONTROL = "(?:\\x1b\\[|\\x9b)[0-?]*[ -/]*[@-~]";
const STRING = "\\x1b[\\]PX^_][^\\x07\\x1b\\n]*(?:\\x07|\\x1b\\\\)";
const ESCAPE = "\\x1b(?![[\\]PX^_])[ -/]*[0-~]";
const PASTED = new RegExp([END, CONTROL, STRING, ESCAPE].join("|"), "g");

/**
 * Normalizes text pasted from web pages and terminals, as the server does (Domain/PastedText.swift):
 * line ends become line feeds, and terminal sequences are removed.
 */
export function plain(text) {
  return text?.replace(PASTED, (found) => (found.startsWith("\r") ? "\n" : ""));
}

/** The same for a text of one line: a trailing line end is removed. */
export function plainLine(text) { return plain(text)?.replace(/\n+$/, ""); }

/**
 * The repository that people write or paste: `owner/repo`, whose owner may be a path of groups, or an
 * address of the repository or of a page in it.
 */
export function repositoryOf(text) {
  const path = text.trim().replace(/^(https?:\/\/[^/]+\/|git@[^/:]+[/:])/, "");
  const [whole, inside] = path.split("/-/");
  let parts = whole.replace(/\/+$/, "").replace(/\.git$/, "").split("/");
  // Only forges with groups write /-/ between a repository and a path in it.
  if (/^https?:/.test(text.trim()) && inside === undefined) parts = parts.slice(0, 2);
  if (parts.length < 2 || parts.includes("")) return null;
  return { owner: parts.slice(0, -1).join("/"), repo: parts.at(-1) };
}

const encoder = new TextEncoder();

function isBlank(text) {
  return /^\p{White_Space}*$/u.test(text ?? "");
}

function missing(text, instead) {
  if (text === undefined || text === null) return `is required; ${instead}`;
  return isBlank(text) ? `is empty; ${instead}` : null;
}

function tooLong(text, max) {
  if ((text ?? "").length <= max) return null;
  const length = [...text].length;
  return length > max ? `is ${length} characters long; write at most ${max}` : null;
}

function code(letter) {
  return `U+${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

function controls(text) {
  const found = /(?![\n\t])\p{Cc}/u.exec(text ?? "");
  if (!found) return null;
  const at = [...text.slice(0, found.index)].length + 1;
  return `holds the control character ${code(found[0])} as character ${at}; `
    + "leave it out; lines and tabs may stay";
}

function line(text, what) {
  const fault = missing(text, `write ${what}`) ?? tooLong(text, LIMITS.title);
  if (fault) return fault;
  const found = /[\p{Cc}\u2028\u2029]/u.exec(text);
  if (!found) return null;
  return `${/[\n\r\u2028\u2029]/.test(found[0]) ? "has more than one line"
    : `holds the control character ${code(found[0])}`}; write visible characters in one line`;
}

function block(text, what) {
  return missing(text, `write ${what}`) ?? tooLong(text, LIMITS.objective) ?? controls(text);
}

function owner(text) {
  const form = "write the user or organisation that owns the repository, as in github.com/OWNER";
  const fault = missing(text, form);
  if (fault) return fault;
  if (encoder.encode(text).length > LIMITS.owner) {
    return `is longer than ${LIMITS.owner} characters; ${form}`;
  }
  return /^(?=.*[A-Za-z0-9])[A-Za-z0-9_-]+$/.test(text) ? null
    : "is not a name that GitHub gives; write letters, digits and hyphens";
}

function repo(text) {
  const form = "write the repository's name, as in github.com/OWNER/REPO";
  const fault = missing(text, form);
  if (fault) return fault;
  if (encoder.encode(text).length > LIMITS.repo) {
    return `is longer than ${LIMITS.repo} characters; ${form}`;
  }
  if (!/^[A-Za-z0-9._-]+$/.test(text)) {
    return "holds a character that no repository's name may; "
      + "write letters, digits, hyphens, dots and underscores";
  }
  if (text === "." || text === "..") return `is "${text}"; ${form}`;
  const end = /\.(git|wiki)$/i.exec(text)?.[0].toLowerCase();
  return end ? `ends with "${end}"; write the name without it` : null;
}

/** git-check-ref-format(1), and further rules against bad names. */
function branch(name, isStamped) {
  const form = "write a branch's name, such as feature/add-export";
  const fault = missing(name, form);
  if (fault) return fault;
  const wrong = /[\p{Cc} ~^:?*[\\]/u.exec(name)?.[0];
  if (wrong !== undefined && /\p{Cc}/u.test(wrong)) {
    return `holds the control character ${code(wrong)}; write visible characters only`;
  }
  if (wrong !== undefined) {
    const shown = wrong === " " ? "a space" : `"${wrong}"`;
    return `holds ${shown}, which no branch may; write - in its place`;
  }
  const sequence = ["..", "@{", "//"].find((part) => name.includes(part));
  if (sequence) {
    return `holds "${sequence}", which no branch may; write a name such as feature/add-export`;
  }
  return place(name) ?? bytes(name, isStamped);
}

function place(name) {
  const parts = name.split("/");
  if (name === "HEAD" || name === "@") {
    return `is "${name}", which git keeps for itself; write a name such as feature/add-export`;
  }
  if (name.startsWith("refs/")) {
    return "begins with \"refs/\"; write the name after refs/heads/ alone";
  }
  if (name.startsWith("-")) return "begins with \"-\"; begin with a letter or a digit";
  if (parts.includes("")) return "begins or ends with \"/\"; write / between its parts only";
  if (parts.some((part) => part.startsWith("."))) {
    return "has a part that begins with \".\"; begin each part with a letter";
  }
  if (parts.some((part) => part.endsWith(".lock"))) {
    return "has a part that ends with \".lock\", which git keeps for its locks; "
      + "choose another ending";
  }
  return name.endsWith(".") ? "ends with \".\"; leave the last . out" : null;
}

function bytes(name, isStamped) {
  const allowed = LIMITS.branchBytes - (isStamped ? LIMITS.stampBytes : 0);
  const length = encoder.encode(name).length;
  return length > allowed ? `is ${length} bytes long; write at most ${allowed} bytes` : null;
}
