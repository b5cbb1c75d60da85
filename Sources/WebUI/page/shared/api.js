// The API client. The API's address is this page's folder, so that the page works under any base path.
// The page's `aipm-api` can set another origin.

const configured = document.querySelector("meta[name=aipm-api]")?.content.trim() ?? "";

/** The address of the API, with a trailing slash. */
export const base = new URL(configured === "" ? "." : configured.replace(/\/*$/, "/"), document.baseURI);

/** Whether the API has this page's origin, so that the browser sends the session's cookie. */
export const isOwnOrigin = base.origin === location.origin;

let token = null;

/** Keeps a token for all requests, in memory only; null for none. */
export function keepToken(text) {
  token = text;
}

/** The header fields of the kept token. */
export function authorization() {
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

/** The address of a route. Empty members of `query` are left out. */
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

/** An error response; `status` 0: no response. */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.detail || body.title || (status ? `The server answered ${status}.` : noAnswer()));
    this.status = status;
    this.title = body.title || "It did not work";
    this.hint = body.hint || "";
    this.code = body.code || "";
    this.errors = Array.isArray(body.errors) ? body.errors : [];
    this.body = body;
    /** In milliseconds; null if the server gave none. */
    this.retryAfter = null;
  }
}

let hasAnswered = false;

/** A browser does not say why another origin's server gives no answer: it may refuse this page. */
function noAnswer() {
  return isOwnOrigin || hasAnswered ? "The server does not answer."
    : `The server at ${base.origin} gives this page no answer. It has to run, and its allow-origin has to `
      + `name ${location.origin}.`;
}

/**
 * Sends one request.
 * @returns the response, whose status is 200 to 299
 * @throws {Problem} or an AbortError
 */
export async function request(route, { query, method = "GET", body, headers = {}, signal,
  limit = 30_000 } = {}) {
  const late = AbortSignal.timeout(limit);
  const stop = signal ? AbortSignal.any([signal, late]) : late;
  const options = { method, headers: { ...authorization(), ...headers }, signal: stop, cache: "no-cache" };
  if (body !== undefined) {
    options.body = body;
    options.headers["Content-Type"] = "application/json";
  }
  const url = address(route, query);
  let response;
  try {
    response = await (early(url) ?? fetch(url, options));
    signal?.throwIfAborted();
    hasAnswered = true;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0);
  }
  if (response.ok) return response;
  throw await problem(response);
}

/** The request that first.js sent already, if the address is equal; used once. */
function early(url) {
  const first = window.aipmFirst;
  if (first?.url !== url) return null;
  window.aipmFirst = null;
  return first.response;
}

/** The problem of an error response. */
export async function problem(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // A proxy before the server sent its own response.
  }
  const found = new Problem(response.status, body && typeof body === "object" ? body : {});
  // The page's frame shows the sign-in.
  if (found.status === 401) dispatchEvent(new Event("aipm-signed-out"));
  const seconds = Number(response.headers.get("Retry-After"));
  if (seconds > 0) found.retryAfter = seconds * 1000;
  return found;
}

/** Reads a JSON body. */
export async function json(route, options) {
  const response = await request(route, options);
  try {
    // first.js began to read the body of its request.
    return await (response.read ?? response.json());
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new Problem(0);
  }
}

/** Sends a request that changes something; the response's body is ignored. */
export function post(route) {
  return request(route, { method: "POST", body: "{}" });
}
