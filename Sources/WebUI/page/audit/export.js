// All results of a query as a file. The server returns a thousand events in one response, so a longer
// result is read page by page. Events that are appended meanwhile are newer than the first page and
// not included.

import { Problem, request } from "../shared/api.js";
import { h } from "../shared/dom.js";

/** The server's page limit. */
const PAGE = 1000;

/** Each format: the server's name, how pages are joined, and what is around them. */
export const FORMATS = {
  // Lines of JSON are kept byte for byte, since they are hashed.
  json: { asked: "jsonl", type: "application/json", head: "{\"items\":[", foot: "],\"next\":null}\n",
    page: (text, isFirst) => `${isFirst || text === "" ? "" : ","}${text.trimEnd().split("\n").join(",\n")}` },
  jsonl: { asked: "jsonl", type: "application/jsonl", head: "", foot: "", page: (text) => text },
  csv: { asked: "csv", type: "text/csv", head: "", foot: "",
    page: (text, isFirst) => (isFirst ? text : text.slice(text.indexOf("\n") + 1)) },
};

/**
 * Reads all results of a query.
 * @param {string} question
 * @param {string} format a name of `FORMATS`
 * @param {AbortSignal} signal
 * @param {(count: number) => void} onPage called after each page except the last one, with the number
 *   of events so far
 * @returns {Promise<Blob>}
 * @throws {Problem} if a page is refused: there are no partial files
 */
export async function readAll(question, format, signal, onPage) {
  const { asked, type, head, foot, page } = FORMATS[format];
  const parts = [head];
  let cursor = null;
  let count = 0;
  do {
    const response = await request("api/audit", {
      query: { q: question, format: asked, limit: PAGE, cursor }, signal, limit: 120_000,
    });
    const text = await textOf(response, signal);
    // A part that is its own blob need not stay in memory.
    parts.push(new Blob([page(text, count === 0)]));
    cursor = response.headers.get("Next-Cursor");
    count += 1;
    if (cursor !== null) onPage(count * PAGE);
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

/** Offers a file for download. */
export function save(blob, name) {
  const href = URL.createObjectURL(blob);
  h("a", { href, download: name }).click();
  // By then the browser has read it, even if it asked for a location.
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
