// Small charts, each with a table of its values for screen readers.

import { h, svg } from "../shared/dom.js";

const WIDTH = 480;
const HEIGHT = 120;
const BASE = 104;
const TOP = 10;

/** @returns the next round number at or above `value` */
function roundUp(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value);
}

/**
 * Stacked bars.
 * @param columns `[{name, parts: [{kind, value}]}]`, the oldest first
 * @param label the chart's name
 * @param heads the table's head: of the columns, and of each part
 */
export function bars(columns, label, heads) {
  const max = roundUp(Math.max(...columns.map(sum)));
  const step = WIDTH / columns.length;
  const marks = [];
  columns.forEach((column, index) => {
    let y = BASE;
    for (const { kind, value } of column.parts) {
      if (value === 0) continue;
      const height = Math.max(2, (value / max) * (BASE - TOP));
      y -= height;
      marks.push(svg(`rect.bar-${kind}`, {
        x: index * step + step * 0.18, y, width: step * 0.64, height, rx: 1.5,
      }));
    }
  });
  return figure(marks, label, String(max), columns, heads,
    (column) => column.parts.map(({ value }) => `${value}`));
}

/**
 * Lines over the same columns, with a gap at null.
 * @param columns `[{name, values: [number|null]}]`
 * @param say formats a value
 */
export function lines(columns, label, heads, kinds, say) {
  const values = columns.flatMap((column) => column.values).filter((value) => value !== null);
  const max = roundUp(Math.max(0, ...values));
  const step = WIDTH / columns.length;
  const marks = kinds.map((kind, part) => {
    let path = "";
    let isDrawn = false;
    const dots = [];
    columns.forEach((column, index) => {
      const value = column.values[part];
      if (value === null) {
        isDrawn = false;
        return;
      }
      const [x, y] = [(index + 0.5) * step, BASE - (value / max) * (BASE - TOP)];
      path += `${isDrawn ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
      isDrawn = true;
      dots.push(part === 0 ? svg(`circle.dot-${kind}`, { cx: x, cy: y, r: 2.5 })
        : svg(`rect.dot-${kind}`, { x: x - 2.3, y: y - 2.3, width: 4.6, height: 4.6 }));
    });
    return svg("g", {}, svg(`path.line-${kind}`, { d: path }), dots);
  });
  return figure(marks, label, values.length > 0 ? say(max) : "", columns, heads,
    (column) => column.values.map((value) => (value === null ? "–" : say(value))));
}

function sum({ parts }) {
  return parts.reduce((all, { value }) => all + value, 0);
}

function figure(marks, label, top, columns, heads, cells) {
  const step = WIDTH / columns.length;
  const names = columns.map((column, index) => (index % 6 === 0
    ? svg("text.chart-name", { x: index * step + step * 0.18, y: HEIGHT - 2, text: column.name }) : null));
  const drawing = svg("svg.chart", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    svg("path.chart-base", { d: `M0 ${BASE + 0.5}H${WIDTH}M0 ${TOP + 0.5}H${WIDTH}` }),
    svg("text.chart-name", { x: WIDTH, y: TOP - 2, "text-anchor": "end", text: top }), marks, names);
  return h("figure.chart-frame", {}, drawing,
    h("div.visually-hidden", {}, h("table", {}, h("caption", { text: label }),
      h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col", text: name })))),
      h("tbody", {}, columns.map((column) => h("tr", {}, h("th", { scope: "row", text: column.name }),
        cells(column).map((text) => h("td", { text }))))))));
}
