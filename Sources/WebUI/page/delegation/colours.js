// Colours of code: comments, texts, numbers, keywords and types, line by line. It knows a language by a
// few lines of data, so that it stays small, and it makes no markup. What it takes for something else
// has another colour, and nothing more.

const words = (text) => new Set(text.split(" "));

const C = { line: ["//"], block: ["/*", "*/"], quotes: "\"'" };
const HASH = { line: ["#"], quotes: "\"'" };

const LANGUAGES = {
  script: { ...C, quotes: "\"'`", wide: ["`"], keys: words("abstract as async await break case catch class const continue "
    + "debugger declare default delete do else enum export extends false finally for from function get if implements "
    + "import in instanceof interface keyof let namespace new null of private protected public readonly return set "
    + "static super switch this throw true try type typeof undefined var void while with yield") },
  swift: { ...C, wide: ["\"\"\""], keys: words("actor any as associatedtype async await break case catch class continue default "
    + "defer deinit do else enum extension fallthrough false fileprivate final for func get guard if import in init inout "
    + "internal is lazy let mutating nil open operator override package private protocol public repeat required rethrows "
    + "return self set some static struct subscript super switch throw throws true try typealias var weak where while") },
  c: { ...C, keys: words("alignas auto bool break case catch char class const constexpr continue default delete do double "
    + "else enum explicit extern false final float for friend goto if inline int long mutable namespace new noexcept "
    + "nullptr operator override private protected public register return short signed sizeof static struct switch "
    + "template this throw true try typedef typename union unsigned using virtual void volatile while NULL") },
  java: { ...C, wide: ["\"\"\""], keys: words("abstract as async await base boolean break by byte case catch char class const continue "
    + "data default do double else enum export extends false final finally float for foreach fun get if implements import "
    + "in init instanceof int interface internal is let long match namespace native new null object open out override "
    + "package private protected public readonly record return sealed set short static string struct super switch "
    + "synchronized this throw throws trait true try typealias using val var void volatile when where while yield") },
  go: { ...C, quotes: "\"'`", wide: ["`"], keys: words("break case chan const continue default defer else fallthrough false for func go "
    + "goto if import interface map nil package range return select struct switch true type var") },
  rust: { ...C, quotes: "\"", keys: words("as async await box break const continue crate dyn else enum extern false fn for if "
    + "impl in let loop match mod move mut pub ref return self Self static struct super trait true type union unsafe use "
    + "where while") },
  python: { ...HASH, wide: ["\"\"\"", "'''"], keys: words("and as assert async await break case class continue def del elif else except "
    + "False finally for from global if import in is lambda match None nonlocal not or pass raise return self True try "
    + "while with yield") },
  ruby: { ...HASH, keys: words("alias and begin break case class def defined? do else elsif end ensure false for if in module "
    + "next nil not or private protected public raise redo require rescue retry return self super then true undef unless "
    + "until when while yield") },
  shell: { ...HASH, keys: words("case declare do done elif else esac exec exit export fi for function if in local readonly "
    + "return select set shift source then trap unset until while FROM RUN COPY ENV CMD ENTRYPOINT WORKDIR ARG") },
  php: { ...C, line: ["//", "#"], keys: words("abstract array as break case catch class clone const continue declare default "
    + "do echo else elseif empty enum extends false final finally fn for foreach function global if implements include "
    + "interface isset match namespace new null private protected public readonly require return static switch this throw "
    + "trait true try unset use var while yield") },
  sql: { line: ["--"], block: ["/*", "*/"], quotes: "\"'", anyCase: true, keys: words("add all alter and as asc begin between by "
    + "case check column commit constraint create default delete desc distinct drop else end exists foreign from full group "
    + "having if in index inner insert into is join key left like limit not null offset on or order outer primary references "
    + "returning right rollback select set table then union unique update values view when where with") },
  lua: { line: ["--"], quotes: "\"'", keys: words("and break do else elseif end false for function goto if in local nil not "
    + "or repeat return then true until while") },
  yaml: { ...HASH, named: /^(\s*(?:- )?)([\w.$/-]+)(?=\s*:(?:\s|$))/, keys: words("true false null yes no on off") },
  settings: { line: ["#", ";"], quotes: "\"'", named: /^(\s*)([\w.-]+)(?=\s*=)/, keys: words("true false") },
  json: { ...C, quotes: "\"", keys: words("true false null") },
  styles: { ...C, named: /^(\s*)(--?[\w-]+|[\w-]+)(?=\s*:)/, keys: words("important media import keyframes supports layer container and not only") },
  markup: { block: ["<!--", "-->"], quotes: "", tags: true, keys: words("") },
  text: { quotes: "", named: /^()(#{1,6} .*|>.*)$/, wide: ["```"], keys: words("") },
};

const ENDINGS = {
  script: "js mjs cjs jsx ts mts cts tsx", swift: "swift", c: "c h cc cpp cxx hpp hh m mm", java: "java kt kts cs scala groovy gradle dart proto",
  go: "go", rust: "rs", python: "py pyi", ruby: "rb rake gemspec", shell: "sh bash zsh fish dockerfile", php: "php", sql: "sql", lua: "lua",
  yaml: "yaml yml", settings: "toml ini cfg conf properties env editorconfig", json: "json json5 jsonc", styles: "css scss less",
  markup: "html htm xml svg vue svelte plist xhtml", text: "md markdown",
};

const BY_ENDING = new Map(Object.entries(ENDINGS).flatMap(([language, all]) => all.split(" ").map((each) => [each, LANGUAGES[language]])));
const BY_NAME = { dockerfile: LANGUAGES.shell, makefile: LANGUAGES.shell, gemfile: LANGUAGES.ruby, rakefile: LANGUAGES.ruby };

/** @returns the language of a file, for `tokens`; null if it is unknown */
export function languageOf(path) {
  const name = (path ?? "").split("/").at(-1).toLowerCase();
  return BY_NAME[name] ?? BY_ENDING.get(name.split(".").at(-1)) ?? null;
}

const WORD = /[\p{L}_$@][\p{L}\p{N}_$]*[?!]?/uy;
const NUMBER = /0[xXbBoO][\da-fA-F_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?/y;
const TAG = /<\/?[\w:-]*|\/?>/y;

/**
 * The coloured parts of a line.
 * @param open what an earlier line began: the end that is looked for, and its kind; null for nothing
 * @returns `{parts: [from, to, kind][], open}`
 */
export function tokens(text, language, open = null) {
  const parts = [];
  const add = (from, to, kind) => { if (to > from) parts.push([from, to, kind]); };
  let at = 0;
  const rest = ({ end, kind }, from) => {
    const found = text.indexOf(end, at);
    at = found < 0 ? text.length : found + end.length;
    add(from, at, kind);
    return found < 0 ? { end, kind } : null;
  };
  if (open) open = rest(open, 0);
  const name = at === 0 && language.named?.exec(text);
  if (name) {
    at = name[1].length + name[2].length;
    add(name[1].length, at, "name");
  }
  while (at < text.length) {
    const letter = text[at];
    const from = at;
    const wide = language.wide?.find((each) => text.startsWith(each, at));
    if (wide || (language.block && text.startsWith(language.block[0], at))) {
      at += wide ? wide.length : language.block[0].length;
      open = rest(wide ? { end: wide, kind: "text" } : { end: language.block[1], kind: "comment" }, from);
    } else if (language.line?.some((each) => text.startsWith(each, at)) && startsComment(text, at)) {
      add(at, text.length, "comment");
      at = text.length;
    } else if (language.quotes.includes(letter) && !isApostrophe(text, at)) {
      at = endOfText(text, at);
      add(from, at, "text");
    } else if (language.tags && (TAG.lastIndex = at, TAG.test(text))) {
      at = TAG.lastIndex;
      add(from, at, "key");
    } else if (letter >= "0" && letter <= "9" && (NUMBER.lastIndex = at, NUMBER.test(text))) {
      at = NUMBER.lastIndex;
      add(from, at, "number");
    } else if ((WORD.lastIndex = at, WORD.test(text))) {
      at = WORD.lastIndex;
      const word = text.slice(from, at);
      if (language.keys.has(language.anyCase ? word.toLowerCase() : word)) add(from, at, "key");
      else if (/^[A-Z][a-z]/.test(word) && language.keys.size > 4) add(from, at, "type");
    } else at += 1;
  }
  return { parts, open };
}

/** A `#` within a word, as in an address or `$#`, is no comment; nor is `://`. */
function startsComment(text, at) {
  return at === 0 || !/[\w$:&\\]/.test(text[at - 1]);
}

/** An apostrophe within a word, as in `don't`. */
function isApostrophe(text, at) {
  return text[at] === "'" && at > 0 && /\w/.test(text[at - 1]) && /\w/.test(text[at + 1] ?? "");
}

function endOfText(text, at) {
  const quote = text[at];
  for (let i = at + 1; i < text.length; i += 1) {
    if (text[i] === "\\") i += 1;
    else if (text[i] === quote) return i + 1;
  }
  return text.length;
}

/**
 * Colours the lines of a hunk: each gets `parts`. The versions are read apart from each other. What
 * stands before the hunk is not known: a comment that ends in it began there, and a mark of longer
 * texts that is alone in it says nothing.
 */
export function colour(lines, language) {
  const read = (kind) => {
    const mine = lines.filter((line) => line.kind !== kind && line.kind !== "\\");
    const whole = mine.map(({ text }) => text).join("\n");
    const wide = language.wide?.filter((mark) => whole.split(mark).length % 2 === 1);
    const [begin, end] = language.block ?? [];
    const isWithin = begin && whole.includes(end)
      && (!whole.includes(begin) || whole.indexOf(end) < whole.indexOf(begin));
    let open = isWithin ? { end, kind: "comment" } : null;
    for (const line of mine) {
      const found = tokens(line.text, { ...language, wide }, open);
      line.parts = found.parts;
      open = found.open;
    }
  };
  read("+");
  read("-");
}
