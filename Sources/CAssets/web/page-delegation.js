import { h } from "./dom.js"; export function open() { return { title: "x", node: h("section.page", {}, h("h1", {tabindex:-1, text: "page-delegation"})), close() {} }; }
