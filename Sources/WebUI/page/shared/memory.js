// This browser's memory between visits. The page also works without it.

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

/** Names that were used before, the latest first. */
export function known(kind) {
  const names = recall(kind);
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
}

/** Stores a name for suggestions; `first` moves it to the top. */
export function remember(kind, name, first = false) {
  const names = known(kind);
  if (!first && names.includes(name)) return;
  const rest = names.filter((other) => other !== name);
  const all = first ? [name, ...rest] : [...rest, name];
  store(kind, all.slice(0, KNOWN_MAX));
}
