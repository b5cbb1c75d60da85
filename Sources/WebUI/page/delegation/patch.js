// A patch in git's format as files, their hunks and lines; what of two lines differs; and pairs of
// lines for two columns.

/**
 * @returns {{path, plainPath, from, kind, blobs, added, removed, isBinary, hunks}[]} with hunks
 *   `{old, now, oldEnd, nowEnd, heading, lines: {kind, text, old, now}[]}`: the first line of each
 *   version, and the line after the last one
 */
export function parsePatch(text) {
  const files = [];
  let file = null;
  let hunk = null;
  for (const line of text.split("\n")) {
    if (line.startsWith("diff --git ")) {
      hunk = null;
      file = { path: gitPath(line), from: null, kind: "changed", blobs: "", added: 0, removed: 0,
        isBinary: false, hunks: [] };
      files.push(file);
      continue;
    }
    if (!file) continue;
    const at = line.startsWith("@@ ") && /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)$/.exec(line);
    if (at) {
      const [old, now] = [Number(at[1]), Number(at[2])];
      hunk = { old, now, oldEnd: old, nowEnd: now, heading: at[3].trim(), lines: [] };
      file.hunks.push(hunk);
    } else if (!hunk) header(file, line);
    else addLine(file, hunk, line);
  }
  for (const each of files) each.plainPath = unquoted(each.path);
  return files;
}

function addLine(file, hunk, line) {
  const kind = line[0];
  if (kind === "+") {
    file.added += 1;
    hunk.lines.push({ kind, text: line.slice(1), old: null, now: hunk.nowEnd++ });
  } else if (kind === "-") {
    file.removed += 1;
    hunk.lines.push({ kind, text: line.slice(1), old: hunk.oldEnd++, now: null });
  } else if (kind === " ") {
    hunk.lines.push({ kind, text: line.slice(1), old: hunk.oldEnd++, now: hunk.nowEnd++ });
  } else if (kind === "\\") {
    hunk.lines.push({ kind, text: "No line end at the end of the file", old: null, now: null });
  }
}

function header(file, line) {
  if (line.startsWith("new file")) file.kind = "added";
  else if (line.startsWith("deleted file")) file.kind = "deleted";
  else if (line.startsWith("index ")) file.blobs = line.slice("index ".length);
  else if (line.startsWith("rename from ")) {
    file.kind = "renamed";
    file.from = line.slice("rename from ".length);
  } else if (line.startsWith("rename to ")) file.path = line.slice("rename to ".length);
  else if (line.startsWith("+++ ") && line !== "+++ /dev/null") {
    file.path = line.slice(4).replace(/\t$/, "").replace(/^("?)b\//, "$1");
  } else if (/^(Binary files|GIT binary patch)/.test(line)) file.isBinary = true;
}

/** `diff --git a/PATH b/PATH`: both paths are equal unless the file was renamed. */
function gitPath(line) {
  const rest = line.slice("diff --git ".length);
  return rest.slice((rest.length + 1) / 2).replace(/^("?)b\//, "$1");
}

/**
 * The path that git wrote, which quotes some (git-config(1), core.quotePath).
 * @returns null if it is not text
 */
export function unquoted(path) {
  if (!path.startsWith("\"")) return path;
  const bytes = [];
  for (const [, octal, escape, plain] of path.slice(1, -1)
    .matchAll(/\\([0-7]{3})|\\(.)|([^\\]+)/g)) {
    if (octal) bytes.push(Number.parseInt(octal, 8));
    else bytes.push(...new TextEncoder().encode(escape ? ESCAPES[escape] ?? escape : plain));
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  } catch {
    return null;
  }
}

const ESCAPES = { a: "\x07", b: "\b", t: "\t", n: "\n", v: "\v", f: "\f", r: "\r" };

/**
 * Lines as rows of two columns: the removed lines of a block beside the added ones.
 * @returns {{left, right}[]} of which one may be null; a remark is on both sides
 */
export function pairs(lines) {
  const rows = [];
  let [removed, added] = [[], []];
  const flush = () => {
    for (let i = 0; i < Math.max(removed.length, added.length); i += 1) {
      rows.push({ left: removed[i] ?? null, right: added[i] ?? null });
    }
    [removed, added] = [[], []];
  };
  for (const line of lines) {
    // A removed line after an added one begins another block.
    if (line.kind === "-" && added.length > 0) flush();
    if (line.kind === "-") removed.push(line);
    else if (line.kind === "+") added.push(line);
    else {
      flush();
      rows.push({ left: line, right: line });
    }
  }
  flush();
  return rows;
}

/** Marks what differs in lines that replace each other: `line.part` is `[from, to]`. */
export function markParts(lines) {
  for (const { left, right } of pairs(lines)) {
    if (!left || !right || left === right) continue;
    const [a, b] = [left.text, right.text];
    const short = Math.min(a.length, b.length);
    let start = 0;
    while (start < short && a[start] === b[start]) start += 1;
    let end = 0;
    while (end < short - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
    // Lines that have little in common were written anew.
    if (start + end < 0.4 * Math.max(a.length, b.length) || start + end === 0) continue;
    // A character of two units is not split.
    if (start > 0 && isFirstHalf(a, start - 1)) start -= 1;
    if (end > 0 && isFirstHalf(a, a.length - end - 1)) end -= 1;
    left.part = [start, a.length - end];
    right.part = [start, b.length - end];
  }
}

function isFirstHalf(text, at) {
  const code = text.charCodeAt(at);
  return code >= 0xd800 && code <= 0xdbff;
}
