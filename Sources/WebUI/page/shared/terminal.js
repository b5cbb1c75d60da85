// Terminal output as text with colours. Colours and overwritten lines are applied, and all other
// escapes are removed. Characters that hide or reverse text are shown by their names.

/** The longest incomplete line: a carriage return goes back at most this far. */
const LINE_MAX = 8192;

/** The longest escape; a longer one is not an escape. */
const ESCAPE_MAX = 4096;

const PLAIN = { colour: 0, bright: false, bold: false, dim: false, italic: false, underline: false,
  inverse: false };

/** Characters that change the direction of text, or join and split it (UAX #9, section 2). */
const HIDDEN = /[\u061C\u200B\u200E\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF]/;

/** A text with its invisible characters replaced by their names. */
export function visible(text) {
  if (!HIDDEN.test(text)) return [text];
  return text.split(/([\u061C\u200B\u200E\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF])/)
    .filter((part) => part !== "")
    .map((part) => (part.length === 1 && HIDDEN.test(part)
      ? { mark: `U+${part.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}` } : part));
}

/** Parses text chunks as runs of one style each. */
export class Terminal {
  #style = { ...PLAIN };
  #look = "";
  #line = [];
  #length = 0;
  #returned = false;
  #rest = "";
  #done = [];

  /** The incomplete line, as runs. */
  get open() { return this.#line; }

  /** @returns {{text: string, look: string}[]} the completed runs, which do not change any more */
  add(text) {
    const all = this.#rest + text;
    this.#rest = "";
    let from = 0;
    while (from < all.length) {
      const at = nextControl(all, from);
      if (at > from) this.#put(all.slice(from, at));
      if (at >= all.length) break;
      const next = this.#control(all, at);
      if (next < 0) {
        this.#rest = all.slice(at);
        break;
      }
      from = next;
    }
    const done = this.#done;
    this.#done = [];
    return done;
  }

  /** Ends the text: the rest is complete. */
  end() {
    this.#rest = "";
    this.#finish("");
    const done = this.#done;
    this.#done = [];
    return done;
  }

  #put(text) {
    if (this.#returned) {
      this.#returned = false;
      this.#line = [];
      this.#length = 0;
    }
    let from = 0;
    while (from < text.length) {
      const part = text.slice(from, from + LINE_MAX - this.#length);
      const last = this.#line.at(-1);
      if (last && last.look === this.#look) last.text += part;
      else this.#line.push({ text: part, look: this.#look });
      this.#length += part.length;
      from += part.length;
      if (this.#length >= LINE_MAX) this.#finish("");
    }
  }

  #finish(end) {
    for (const run of this.#line) this.#emit(run.text, run.look);
    if (end) this.#emit(end, "");
    this.#line = [];
    this.#length = 0;
    this.#returned = false;
  }

  #emit(text, look) {
    const last = this.#done.at(-1);
    if (last && last.look === look) last.text += text;
    else this.#done.push({ text, look });
  }

  /** @returns where the text continues; negative if the escape is incomplete */
  #control(all, at) {
    const letter = all[at];
    switch (letter) {
      case "\n":
        this.#finish("\n");
        return at + 1;
      case "\r":
        this.#returned = true;
        // In a Windows line end, the carriage return has no effect.
        if (all[at + 1] === "\n") this.#returned = false;
        return at + 1;
      case "\b": {
        const last = this.#line.at(-1);
        if (last && last.text.length > 1) last.text = last.text.slice(0, -1);
        else this.#line.pop();
        return at + 1;
      }
      case "\u001b": return this.#escape(all, at);
      default:
        // Other control characters have symbols in Unicode.
        if (letter !== "\u0007" && letter !== "\u0000") {
          this.#put(letter < " " ? String.fromCharCode(0x2400 + letter.charCodeAt(0)) : "\u2421");
        }
        return at + 1;
    }
  }

  /** ECMA-48, sections 5.4 and 5.6. */
  #escape(all, at) {
    const kind = all[at + 1];
    if (kind === undefined) return -1;
    if (kind === "[") {
      for (let i = at + 2; i < all.length; i += 1) {
        const code = all.charCodeAt(i);
        if (code >= 0x40 && code <= 0x7e) {
          this.#sequence(all.slice(at + 2, i), all[i]);
          return i + 1;
        }
        // Not a part of a sequence: text follows.
        if (code < 0x20 || code > 0x7e || i - at > ESCAPE_MAX) return i;
      }
      return -1;
    }
    if ("]PX^_".includes(kind)) {
      for (let i = at + 2; i < all.length; i += 1) {
        if (all[i] === "\u0007") return i + 1;
        // It does not hide the rest of the output: a line's end ends it, too.
        if (all[i] === "\n") return i;
        if (all[i] === "\u001b") {
          if (i + 1 === all.length) return -1;
          return all[i + 1] === "\\" ? i + 2 : i;
        }
        if (i - at > ESCAPE_MAX) return i;
      }
      return -1;
    }
    if (kind >= " " && kind <= "/") return at + 2 < all.length ? at + 3 : -1;
    return kind >= "0" && kind <= "~" ? at + 2 : at + 1;
  }

  #sequence(parameters, last) {
    if (last === "K" && (parameters === "2" || parameters === "1")) {
      this.#line = [];
      this.#length = 0;
    } else if (last === "K" && this.#returned) {
      this.#line = [];
      this.#length = 0;
    } else if (last === "m") {
      this.#select(parameters.split(/[;:]/).map((n) => (n === "" ? 0 : Number(n))));
      this.#look = lookOf(this.#style);
    }
  }

  #select(codes) {
    const style = this.#style;
    for (let i = 0; i < codes.length; i += 1) {
      const code = codes[i];
      if (code === 0) Object.assign(style, PLAIN);
      else if (code === 1) style.bold = true;
      else if (code === 2) style.dim = true;
      else if (code === 3) style.italic = true;
      else if (code === 4) style.underline = true;
      else if (code === 7) style.inverse = true;
      else if (code === 22) Object.assign(style, { bold: false, dim: false });
      else if (code === 23) style.italic = false;
      else if (code === 24) style.underline = false;
      else if (code === 27) style.inverse = false;
      else if (code >= 30 && code <= 37) style.colour = code - 29;
      else if (code >= 90 && code <= 97) style.colour = code - 89;
      else if (code === 39) style.colour = 0;
      else if (code === 38 || code === 48) {
        const { colour, used } = wide(codes, i + 1);
        if (code === 38) style.colour = colour;
        i += used;
      }
    }
  }
}

function nextControl(text, from) {
  for (let i = from; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return i;
  }
  return text.length;
}

/** One of 256 colours, or an RGB colour, as the nearest of eight; 1 is black, 0 is the default. */
function wide(codes, at) {
  if (codes[at] === 5) {
    const n = codes[at + 1] ?? 0;
    if (n < 16) return { colour: (n % 8) + 1, used: 2 };
    if (n >= 232) return { colour: n < 244 ? 1 : 8, used: 2 };
    const [r, g, b] = [Math.floor((n - 16) / 36), Math.floor((n - 16) / 6) % 6, (n - 16) % 6];
    return { colour: nearest(r * 51, g * 51, b * 51), used: 2 };
  }
  if (codes[at] === 2) {
    return { colour: nearest(codes[at + 1] ?? 0, codes[at + 2] ?? 0, codes[at + 3] ?? 0), used: 4 };
  }
  return { colour: 0, used: 0 };
}

function nearest(r, g, b) {
  const half = Math.max(r, g, b) / 2;
  if (half < 40) return 1;
  return 1 + (r > half ? 1 : 0) + (g > half ? 2 : 0) + (b > half ? 4 : 0);
}

/** The classes of a style. The style sheet's colours are readable in both themes. */
function lookOf(style) {
  const names = [];
  if (style.colour > 0) names.push(`c${style.colour}`);
  for (const name of ["bold", "dim", "italic", "underline", "inverse"]) {
    if (style[name]) names.push(name);
  }
  return names.join(" ");
}
