// The workflow of a task and its agents, with what is known of them: a choice offers only what the
// server accepts.

import { json } from "../shared/api.js";
import { h, put, setAttribute } from "../shared/dom.js";
import { Field } from "../shared/fields.js";

export class AgentChoice {
  workflow = new Field("workflow", "Workflow", h("select", { onchange: () => this.#showAgents() }),
    { optional: true });
  agent = new Field("agent", "Agent", h("select", { onchange: () => this.#explain() }), { optional: true });
  /** The repositories of the server's newest delegations. */
  repositories = [];

  #choices = null;
  /** What a draft asked for before the choices were there. */
  #wanted = { workflow: "", agent: "" };

  constructor() {
    this.#offer();
  }

  get value() {
    return this.#choices === null ? this.#wanted
      : { workflow: this.workflow.value, agent: this.agent.value };
  }

  set value({ workflow = "", agent = "" }) {
    this.#wanted = { workflow, agent };
    this.#offer();
  }

  /** The form also works without the choices: then the server chooses. */
  async load(signal) {
    try {
      this.#choices = await json("api/choices", { signal });
    } catch {
      return;
    }
    this.repositories = this.#choices.repositories;
    this.#offer();
  }

  #offer() {
    const { workflows = [], workflow: standard = "" } = this.#choices ?? {};
    put(this.workflow.control, workflows.length === 0 ? h("option", { value: "", text: "The server's" })
      : workflows.map(({ name }) => h("option", { value: name === standard ? "" : name, text: name })));
    this.workflow.value = this.#wanted.workflow;
    if (this.workflow.value !== this.#wanted.workflow) this.workflow.value = "";
    this.#showAgents(this.#wanted.agent);
  }

  get #flow() {
    const { workflows = [], workflow: standard = "" } = this.#choices ?? {};
    return workflows.find(({ name }) => name === (this.workflow.value || standard)) ?? null;
  }

  #agentOf(name) {
    return this.#choices?.agents.find((each) => each.name === name) ?? null;
  }

  /** Only the agents that the workflow has, the ready ones first. */
  #showAgents(wanted = this.agent.value) {
    const flow = this.#flow;
    const agents = (flow?.agents ?? []).map((name) => this.#agentOf(name)).filter((each) => each !== null)
      .sort((a, b) => Number(b.found) - Number(a.found));
    put(this.agent.control,
      h("option", { value: "", text: flow ? `The workflow's: ${flow.agent}` : "The server's" }),
      agents.map(({ name, found }) => h("option", { value: name, text: `${name} (${found ? "ready" : "not ready"})` })));
    this.agent.value = wanted;
    if (this.agent.value !== wanted) this.agent.value = "";
    this.workflow.setHint(flow?.description ?? "");
    this.#explain();
  }

  #explain() {
    const agent = this.#agentOf(this.agent.value || this.#flow?.agent);
    this.agent.setHint(agent === null ? ""
      : agent.found ? agent.description : `No worker has it${agent.reason ? `: ${agent.reason}` : ""}.`);
    setAttribute(this.agent.line, "data-warn", agent && !agent.found ? "" : null);
  }
}
