// Which files of a change were viewed. This browser keeps it for each change; a file whose change is
// another one than before counts as not viewed.

import { known, recall, remember, store } from "../shared/memory.js";

export class ViewedMarks {
  #id;
  #hashes;
  #known = new WeakMap();

  constructor(id) {
    this.#id = id;
    const kept = recall(`viewed-${id}`);
    this.#hashes = new Set(Array.isArray(kept) ? kept : []);
  }

  has(file) {
    return this.#hashes.size > 0 && this.#hashes.has(this.#hash(file));
  }

  set(file, isViewed) {
    if (isViewed) this.#hashes.add(this.#hash(file));
    else this.#hashes.delete(this.#hash(file));
    store(`viewed-${this.#id}`, this.#hashes.size > 0 ? [...this.#hashes] : null);
    const before = known("viewed");
    remember("viewed", this.#id, true);
    const kept = new Set(known("viewed"));
    for (const old of before) if (!kept.has(old)) store(`viewed-${old}`, null);
  }

  #hash(file) {
    if (!this.#known.has(file)) this.#known.set(file, hashOf(file));
    return this.#known.get(file);
  }
}

/** FNV-1a of a file's path and of git's names of both contents. */
function hashOf({ path, blobs }) {
  const text = `${blobs} ${path}`;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
