// The whole answer to a question as a file. The server gives a thousand events in one answer, so a
// longer one is read page by page; what comes meanwhile is newer than the first page and not in it.

import { Problem, request } from "../shared/api.js";
import { h } from "../shared/dom.js";

/** What the server gives at most in one answer. */
const PAGE = 1000;

/** Each format: the server's own, how a page of it is joined to those before, and what is around. */
export const FORMATS = {
  // Lines of JSON are kept as they came, to the byte, since hashes are made of them.
  json: { asked: "jsonl", type: "application/json", head: "{\"items\":[", foot: "],\"next\":null}\n",
    page: (text, isFirst) => `${isFirst || text === "" ? "" : ","}${text.trimEnd().split("\n").join(",\n")}` },
  jsonl: { asked: "jsonl", type: "application/jsonl", head: "", foot: "", page: (text) => text },
  csv: { asked: "csv", type: "text/csv", head: "", foot: "",
    page: (text, isFirst) => (isFirst ? text : text.slice(text.indexOf("\n") + 1)) },
};

/**
 * Reads all that answers a question.
 * @param {string} question
 * @param {string} format a name of `FORMATS`
 * @param {AbortSignal} signal
 * @param {(count: number) => void} told called after each page that is not the last, with how many events
 *   were read
 * @returns {Promise<Blob>}
 * @throws {Problem} where a page is refused: a file is whole, or there is none
 */
export async function readAll(question, format, signal, told) {
  const { asked, type, head, foot, page } = FORMATS[format];
  const parts = [head];
  let cursor = null;
  let count = 0;
  do {
    const response = await request("api/audit", {
      query: { q: question, format: asked, limit: PAGE, cursor }, signal, limit: 120_000,
    });
    const text = await textOf(response, signal);
    // A part that is a blob of its own need not stay in memory.
    parts.push(new Blob([page(text, count === 0)]));
    cursor = response.headers.get("Next-Cursor");
    count += 1;
    if (cursor !== null) told(count * PAGE);
  } while (cursor !== null);
  return new Blob([...parts, foot], { type });
}

async function textOf(response, signal) {
  try {
    return await response.text();
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Problem(0);
  }
}

/** Hands a file to whoever looks at the page. */
export function save(blob, name) {
  const href = URL.createObjectURL(blob);
  h("a", { href, download: name }).click();
  // A browser that asks where to put it has read it by then.
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
