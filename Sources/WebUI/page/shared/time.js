// Times and durations for people.

/** Each is made on first use: the first one takes 20 ms, which a click can notice. */
const formats = {};

const OPTIONS = {
  day: { day: "numeric", month: "short" },
  longDay: { dateStyle: "full" },
  full: { dateStyle: "medium", timeStyle: "medium" },
};

function format(name, ms) {
  formats[name] ??= new Intl.DateTimeFormat(undefined, OPTIONS[name]);
  return formats[name].format(ms);
}

/** Makes the formats in advance. */
export function prepareFormats() {
  for (const name of Object.keys(OPTIONS)) format(name, 0);
}

/** Milliseconds since 1970 of an ISO text; null without one. */
export function moment(text) {
  const ms = text ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

/** `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function span(ms) {
  if (ms === null || ms === undefined) return "–";
  const s = Math.max(0, ms) / 1000;
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min ${Math.floor(s % 60)} s`;
  const hours = Math.floor(min / 60);
  if (hours < 48) return `${hours} h ${min % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** The age in one number and unit: `12 s`, `5 min`, `3 h`, `2 d`. */
export function age(ms, now = Date.now()) {
  const s = Math.max(0, now - ms) / 1000;
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172_800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

/** `14:03:22`, with the day before it if it is not today. */
export function at(ms, now = Date.now()) {
  return dated(clock, ms, now);
}

/** `14:03`, likewise. */
export function minute(ms, now = Date.now()) {
  return dated(hourAndMinute, ms, now);
}

function dated(write, ms, now) {
  if (ms === null || ms === undefined) return "–";
  const time = write(ms);
  return new Date(ms).toDateString() === new Date(now).toDateString() ? time
    : `${format("day", ms)}, ${time}`;
}

/** `14:03:22` */
export function clock(ms) {
  return `${hourAndMinute(ms)}:${padded(new Date(ms).getSeconds())}`;
}

function hourAndMinute(ms) {
  const date = new Date(ms);
  return `${padded(date.getHours())}:${padded(date.getMinutes())}`;
}

function padded(number) {
  return String(number).padStart(2, "0");
}

/** `Monday, 30 November 2026` */
export function longDay(ms) {
  return format("longDay", ms);
}

export function fully(ms) {
  return ms === null || ms === undefined ? "" : format("full", ms);
}

/** Calls `tick` each second while the page is visible, until the returned function is called. */
export function everySecond(tick) {
  const timer = setInterval(() => { if (!document.hidden) tick(Date.now()); }, 1000);
  return () => clearInterval(timer);
}

/** Calls a function after a delay: the earliest that was asked for, and later while hidden. */
export class Later {
  #call;
  #hiddenDelay;
  #timer = null;
  #due = 0;

  constructor(call, hiddenDelay) {
    this.#call = call;
    this.#hiddenDelay = hiddenDelay;
  }

  in(delay) {
    const due = performance.now() + delay;
    if (this.#timer !== null && this.#due <= due) return;
    this.stop();
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (document.hidden) this.in(this.#hiddenDelay);
      else this.#call();
    }, delay);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** Sizes such as `1,234 kB`. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
