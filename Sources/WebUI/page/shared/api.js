// The API. Its address is this page's own folder, so that the page works under any base path, or
// what the page's `aipm-api` says, so that it works from another origin.

const told = document.querySelector("meta[name=aipm-api]")?.content.trim() ?? "";

/** Where the API stands, with a slash at its end. */
export const base = new URL(told === "" ? "." : told.replace(/\/*$/, "/"), document.baseURI);

/** The address of a route. `query`'s empty members are left out. */
export function address(route, query = {}) {
  const url = new URL(route, base);
  url.hash = "";
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(key, value);
  }
  return url.href;
}

/** The route of one delegation, or of a part of it. */
export function delegationRoute(ref, part = "") {
  return `api/delegations/${encodeURIComponent(ref)}${part && "/"}${part}`;
}

/** What a server answered in place of what was asked for; `status` 0: it did not answer. */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.detail || body.title || (status ? `The server answered ${status}.` : NO_ANSWER));
    this.status = status;
    this.title = body.title || "It did not work";
    this.hint = body.hint || "";
    this.code = body.code || "";
    this.errors = Array.isArray(body.errors) ? body.errors : [];
    this.body = body;
    /** In milliseconds; null where the server named none. */
    this.retryAfter = null;
  }
}

const NO_ANSWER = "The server does not answer.";

/**
 * One request.
 * @returns the response, whose status is 200 to 299
 * @throws {Problem} or an AbortError
 */
export async function request(route, { query, method = "GET", body, headers = {}, signal,
  limit = 30_000 } = {}) {
  const late = AbortSignal.timeout(limit);
  const stop = signal ? AbortSignal.any([signal, late]) : late;
  const options = { method, headers: { ...headers }, signal: stop, cache: "no-cache" };
  if (body !== undefined) {
    options.body = body;
    options.headers["Content-Type"] = "application/json";
  }
  const url = address(route, query);
  let response;
  try {
    response = await (early(url) ?? fetch(url, options));
    signal?.throwIfAborted();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0);
  }
  if (response.ok) return response;
  throw await problem(response);
}

/** What first.js asked for already, where it is that; it serves once. */
function early(url) {
  const first = window.aipmFirst;
  if (first?.url !== url) return null;
  window.aipmFirst = null;
  return first.response;
}

/** A response that is none of what was asked for, as a problem. */
export async function problem(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // Something between here and the server answered, in words of its own.
  }
  const found = new Problem(response.status, body && typeof body === "object" ? body : {});
  const seconds = Number(response.headers.get("Retry-After"));
  if (seconds > 0) found.retryAfter = seconds * 1000;
  return found;
}

/** A body as JSON. */
export async function json(route, options) {
  const response = await request(route, options);
  try {
    return await response.json();
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new Problem(0);
  }
}

/** A request that changes something; its answer's body is not of interest. */
export function post(route) {
  return request(route, { method: "POST", body: "{}" });
}
