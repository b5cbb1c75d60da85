// What the form made last, for the page that is shown next.

let last = null;

/** @param answer the server's answer to a submission */
export function tellCreated(answer) {
  last = answer;
}

/** The confirmation code, if this delegation was made last; null on a second call. */
export function takeCreated(id) {
  if (last?.id !== id) return null;
  const { confirmationCode } = last;
  last = null;
  return confirmationCode;
}
