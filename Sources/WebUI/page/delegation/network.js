// The network use of a delegation's attempts: the reached hosts, the refused ones, and the workflow's
// line that would allow those. Host names come from an agent, so they are shown as text.

import { copyButton, h, put } from "../shared/dom.js";
import { size } from "../shared/time.js";
import { networkWords, refusalWords } from "../shared/words.js";

export class NetworkPart {
  #body = h("div.network");
  #key = "";

  constructor() {
    this.node = h("section", { "aria-labelledby": "network-title", hidden: true },
      h("h2", { id: "network-title", text: "Network" }), this.#body);
  }

  /** @param attempts as in the API */
  update(attempts) {
    const used = (attempts ?? []).filter((attempt) => attempt.network);
    const key = JSON.stringify(used.map(({ number, network }) => [number, network]));
    if (key === this.#key) return;
    this.#key = key;
    this.node.hidden = used.length === 0;
    put(this.#body, used.map(({ number, network }) => attemptNode(number, network)));
  }
}

function attemptNode(number, network) {
  const { refusedHosts, refused, line, bytesUp, bytesDown } = network;
  const listed = new Set(refusedHosts.map(({ host }) => host)).size;
  return h("section", { "aria-label": `Network of attempt ${number}` },
    h("p", {}, `Attempt ${number}: ${networkWords(network)}`,
      h("span.muted", { text: ` (${size(bytesUp)} sent, ${size(bytesDown)} received)` })),
    refused > 0 ? h("ul.refused", { "aria-label": `Hosts that attempt ${number} was refused` },
      refusedHosts.map(({ host, port, code }) => h("li", {}, h("code.break", { text: `${host}:${port}` }),
        h("span.muted", { text: ` ${refusalWords(code)}` }))),
      refused > listed ? h("li.muted", { text: `${refused - listed} more` }) : null) : null,
    line ? h("p.allow", {}, h("span.muted", { text: "To allow them, write in the workflow:" }),
      h("code.break", { text: line }), copyButton("the line that allows them", () => line)) : null);
}
