// Small charts, each with a table of its values for screen readers. They are drawn at the width that
// they have, so texts and dots keep their size on a phone.

import { h, put, svg } from "../shared/dom.js";

const HEIGHT = 168;
const BASE = 144;
const TOP = 12;
/** The room for the numbers of the axis. */
const LEFT = 44;
const LABEL_EVERY = 64;

/** Times that people count in, in milliseconds. */
const TIMES = [
  [100, "0.1 s"], [1000, "1 s"], [10_000, "10 s"], [60_000, "1 min"], [600_000, "10 min"],
  [3_600_000, "1 h"], [36_000_000, "10 h"], [864_000_000, "10 d"],
];

/** @returns whole numbers from 0 to at least `max`, four at most above 0 */
function counts(max) {
  const power = 10 ** Math.floor(Math.log10(Math.max(max, 1) / 3));
  const step = Math.max(1, [1, 2, 5, 10].map((n) => n * power).find((n) => n * 4 >= max));
  return Array.from({ length: Math.max(1, Math.ceil(max / step)) + 1 }, (_, index) => index * step);
}

/** @returns the times of the axis around the values: on it, ten times as long is as far everywhere */
function times(values) {
  const first = TIMES.findLastIndex(([ms]) => ms <= Math.min(...values));
  const last = TIMES.findIndex(([ms]) => ms >= Math.max(...values));
  return TIMES.slice(Math.max(0, first), last < 0 ? TIMES.length : Math.max(last, first + 1, 1) + 1);
}

/**
 * Stacked bars.
 * @param columns `[{name, parts: [{kind, value}]}]`, the oldest first
 * @param label the chart's name
 * @param heads the table's head: of the columns, and of each part
 */
export function bars(columns, label, heads) {
  const marks = counts(Math.max(...columns.map(sum)));
  const height = (value) => (value / marks.at(-1)) * (BASE - TOP);
  const axis = marks.map((value) => [BASE - height(value), `${value}`]);
  return chart(axis, columns, label, heads, (column) => column.parts.map(({ value }) => `${value}`),
    (x, step) => columns.map((column, index) => {
      let y = BASE;
      return column.parts.filter(({ value }) => value > 0).map(({ kind, value }) => {
        const tall = Math.max(2, height(value));
        y -= tall;
        return svg(`rect.bar-${kind}`, {
          x: x(index) - step * 0.32, y, width: step * 0.64, height: tall, rx: 1.5,
        });
      });
    }));
}

/**
 * Durations as lines over the same columns, with a gap at null. A step of the axis is a factor.
 * @param columns `[{name, values: [number|null]}]`, in milliseconds
 * @param say formats a value
 */
export function durations(columns, label, heads, kinds, say) {
  const values = columns.flatMap((column) => column.values).filter((value) => value !== null);
  const marks = values.length > 0 ? times(values) : [];
  const [low, high] = [Math.log(marks[0]?.[0] ?? 1), Math.log(marks.at(-1)?.[0] ?? 2)];
  const y = (value) => {
    const part = (Math.log(Math.max(value, 1)) - low) / (high - low);
    return BASE - Math.min(1, Math.max(0, part)) * (BASE - TOP);
  };
  const axis = values.length > 0 ? marks.map(([ms, text]) => [y(ms), text]) : [[BASE, ""]];
  return chart(axis, columns, label, heads,
    (column) => column.values.map((value) => (value === null ? "–" : say(value))),
    (x) => kinds.map((kind, part) => {
      let path = "";
      let isDrawn = false;
      const dots = [];
      columns.forEach((column, index) => {
        const value = column.values[part];
        if (value === null) {
          isDrawn = false;
          return;
        }
        const [cx, cy] = [x(index), y(value)];
        path += `${isDrawn ? "L" : "M"}${cx.toFixed(1)} ${cy.toFixed(1)}`;
        isDrawn = true;
        dots.push(part === 0 ? svg(`circle.dot-${kind}`, { cx, cy, r: 3 })
          : svg(`rect.dot-${kind}`, { x: cx - 2.6, y: cy - 2.6, width: 5.2, height: 5.2 }));
      });
      return svg("g", {}, svg(`path.line-${kind}`, { d: path }), dots);
    }));
}

function sum({ parts }) {
  return parts.reduce((all, { value }) => all + value, 0);
}

/**
 * @param axis `[[y, text]]`
 * @param cells the texts of a column in the table
 * @param draw the marks, from the middle of a column and the width of one
 */
function chart(axis, columns, label, heads, cells, draw) {
  const drawing = svg("svg.chart", { height: HEIGHT, "aria-hidden": "true" });
  const resize = (width) => {
    const step = (width - LEFT) / columns.length;
    const x = (index) => LEFT + (index + 0.5) * step;
    const every = Math.max(1, Math.ceil(LABEL_EVERY / step));
    put(drawing,
      svg("path.chart-base", { d: axis.map(([y]) => `M${LEFT} ${Math.round(y) + 0.5}H${width}`).join("") }),
      axis.map(([y, text]) => svg("text.chart-name", { x: LEFT - 8, y: y + 4, "text-anchor": "end", text })),
      columns.map((column, index) => ((columns.length - 1 - index) % every === 0
        ? svg("text.chart-name", { x: x(index), y: HEIGHT - 4, "text-anchor": index === columns.length - 1 ? "end" : "middle", text: column.name }) : null)),
      draw(x, step));
  };
  let last = 0;
  new ResizeObserver(([{ contentRect: { width } }]) => {
    if (width > LEFT && Math.round(width) !== last) resize(last = Math.round(width));
  }).observe(drawing);
  return h("figure.chart-frame", {}, drawing,
    h("div.visually-hidden", {}, h("table", {}, h("caption", { text: label }),
      h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col", text: name })))),
      h("tbody", {}, columns.map((column) => h("tr", {}, h("th", { scope: "row", text: column.name }),
        cells(column).map((text) => h("td", { text }))))))));
}
