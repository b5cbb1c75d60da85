// What this browser remembers between visits. Where it may not, nothing is lost but that.

const PREFIX = "aipm.";
const KNOWN_MAX = 30;

export function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name));
  } catch {
    return null;
  }
}

export function store(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Private windows and full disks refuse.
  }
}

/** Names that were seen before, the latest first. */
export function known(kind) {
  const names = recall(kind);
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
}

/** Keeps a name for suggestions; `first` also makes it the first of them. */
export function remember(kind, name, first = false) {
  const names = known(kind);
  if (!first && names.includes(name)) return;
  const rest = names.filter((other) => other !== name);
  const all = first ? [name, ...rest] : [...rest, name];
  store(kind, all.slice(0, KNOWN_MAX));
}
