// The sender of this page's requests.

import { json } from "./api.js";

/** The API's answer; null until it was read. */
export let me = null;

export async function identify() {
  me = await json("api/me");
  return me;
}
