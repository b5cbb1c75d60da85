// What agents print as JSON lines, as steps: texts, tool calls with their results, plans, errors and the
// end. Each of the four formats is one table of its types. The lines come from agents: any member may
// be missing, or be something else.

import { dollars } from "../shared/words.js";

const text = (value) => (typeof value === "string" ? value : "");
const list = (value) => (Array.isArray(value) ? value : []);
const known = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const object = (value) => (known(value) ? value : {});

/** Claude Code, `--output-format stream-json`. */
const CLAUDE = {
  system: (d) => (d.subtype === "init" ? [note(`Session began${d.model ? ` with ${text(d.model)}` : ""}`)] : []),
  assistant: (d) => content(d).map((part) => (part.type === "text" ? said(part.text)
    : part.type === "thinking" ? thought(part.thinking)
      : part.type === "tool_use" ? tool({ id: part.id, name: part.name, input: part.input, status: "in_progress" }) : null)),
  user: (d) => content(d).map((part) => (part.type === "tool_result" ? tool({
    id: part.tool_use_id, result: resultText(part.content), status: part.is_error === true ? "failed" : "completed",
  }) : null)),
  result: (d) => [end(d.is_error === true || text(d.subtype).startsWith("error") ? text(d.result) || text(d.subtype) : "", [
    count(d.num_turns, "turn"), cost(d.total_cost_usd)], d.is_error === true || text(d.subtype).startsWith("error"))],
  stream_event: () => [], rate_limit_event: () => [],
};

/** Codex, `exec --json`. */
const CODEX = {
  "thread.started": () => [note("Session began")], "turn.started": () => [],
  "item.started": (d) => item(object(d.item), "in_progress"), "item.updated": (d) => item(object(d.item), "in_progress"),
  "item.completed": (d) => item(object(d.item), "completed"),
  "turn.completed": (d) => [end("", [tokens(object(d.usage).input_tokens, object(d.usage).output_tokens)])],
  "turn.failed": (d) => [end(text(object(d.error).message), [], true)],
  error: (d) => [fault(d.message)],
};

function item(i, state) {
  const status = i.status === "failed" || i.status === "declined" ? "failed" : i.status === "completed" ? "completed" : state;
  const call = (name, input, result) => [tool({ id: i.id, name, input, result, status })];
  switch (i.type) {
    case "agent_message": return [said(i.text)];
    case "reasoning": return [thought(i.text)];
    case "error": return [fault(i.message)];
    case "command_execution": return [tool({ id: i.id, name: "Command", input: { command: i.command },
      result: text(i.aggregated_output), status: typeof i.exit_code === "number" && i.exit_code !== 0 ? "failed" : status })];
    case "file_change": return call("Change", { path: list(i.changes).map((each) => text(object(each).path)).join(", ") });
    case "mcp_tool_call": return call([i.server, i.tool].map(text).filter(Boolean).join(" "), i.arguments, resultText(object(i.result).content ?? i.error));
    case "web_search": return call("Search", { query: i.query });
    case "todo_list": return [{ kind: "plan", id: i.id, items: list(i.items).map((each) => ({
      content: text(object(each).text), status: object(each).completed === true ? "completed" : "pending" })) }];
    default: return null;
  }
}

/** Gemini, `--output-format stream-json`. */
const GEMINI = {
  init: (d) => [note(`Session began${d.model ? ` with ${text(d.model)}` : ""}`)],
  message: (d) => [d.role === "user" ? { kind: "thought", title: "Prompt", text: resultText(d.content) }
    : { ...said(resultText(d.content)), goesOn: d.delta === true }],
  tool_use: (d) => [tool({ id: d.tool_id, name: d.tool_name, input: d.parameters, status: "in_progress" })],
  tool_result: (d) => [tool({ id: d.tool_id, result: resultText(d.output) || text(object(d.error).message),
    status: d.status === "error" ? "failed" : "completed" })],
  error: (d) => [d.severity === "warning" ? note(text(d.message)) : fault(d.message)],
  result: (d) => [end(text(object(d.error).message), [tokens(object(d.stats).input_tokens, object(d.stats).output_tokens)],
    d.status === "error")],
};

/** opencode, `run --format json`. */
const OPENCODE = {
  step_start: () => [],
  text: (d) => [said(object(d.part).text)], reasoning: (d) => [thought(object(d.part).text)],
  tool_use: (d) => {
    const part = object(d.part);
    const state = object(part.state);
    return [tool({ id: part.callID ?? part.id, name: part.tool, input: state.input,
      result: resultText(state.output) || text(state.error),
      status: state.status === "error" ? "failed" : state.status === "completed" ? "completed" : "in_progress" })];
  },
  step_finish: (d) => (object(d.part).reason === "stop" ? [end("", [tokens(object(object(d.part).tokens).input,
    object(object(d.part).tokens).output), cost(object(d.part).cost)])] : []),
  error: (d) => [fault(object(object(d.error).data).message ?? object(d.error).name)],
};

/** The format that a line belongs to; null if it is none of them. */
function formatOf(d) {
  if (typeof d.sessionID === "string" && Object.hasOwn(OPENCODE, d.type)) return OPENCODE;
  if (Object.hasOwn(CODEX, d.type) && d.type.includes(".")) return CODEX;
  if (Object.hasOwn(CLAUDE, d.type) && (known(d.message) || typeof d.subtype === "string" || d.type.includes("_event"))) return CLAUDE;
  if (Object.hasOwn(GEMINI, d.type) && (d.timestamp !== undefined || d.session_id !== undefined || d.tool_id !== undefined
    || d.role !== undefined || d.stats !== undefined || d.severity !== undefined)) return GEMINI;
  return d.type === "error" && typeof d.message === "string" ? CODEX : null;
}

/**
 * The steps of a line.
 * @returns null if it is not a line of an agent's format; else
 *   `{kind: "said"|"thought"|"tool"|"plan"|"note"|"fault"|"end", …}[]`
 */
export function stepsOf(line) {
  if (!line.startsWith("{")) return null;
  let d;
  try {
    d = JSON.parse(line);
  } catch {
    return null;
  }
  if (!known(d) || typeof d.type !== "string") return null;
  const format = formatOf(d);
  if (!format) return null;
  const steps = format[d.type](d);
  return steps === null ? [{ kind: "other", title: text(object(d.item).type) || d.type, text: JSON.stringify(d, null, 2) }]
    : steps.filter((step) => step && (step.kind !== "said" || step.text !== "") && (step.kind !== "thought" || step.text.trim() !== ""));
}

function content({ message }) {
  const parts = object(message).content;
  return typeof parts === "string" ? [{ type: "text", text: parts }] : list(parts).map(object);
}

function said(words) { return { kind: "said", text: text(words) }; }
function thought(words) { return { kind: "thought", title: "Thinking", text: text(words) }; }
function note(words) { return { kind: "note", text: words }; }
function fault(words) { return { kind: "fault", text: text(words) || "An error" }; }
function tool(call) { return { kind: "tool", ...call, id: text(call.id) }; }

function end(words, figures, isBad = false) {
  return { kind: "end", isBad, text: [words || (isBad ? "Failed" : "Done"), ...figures.filter(Boolean)].join(" · ") };
}

function count(number, what) {
  return typeof number === "number" ? `${number} ${what}${number === 1 ? "" : "s"}` : "";
}

function cost(amount) {
  return typeof amount === "number" ? dollars(amount * 1_000_000) : "";
}

function tokens(input, output) {
  return typeof input === "number" && typeof output === "number"
    ? `${input.toLocaleString("en-US")} tokens in, ${output.toLocaleString("en-US")} out` : "";
}

/** A result: a text, or parts of which some are texts. */
function resultText(value) {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) {
    return value.map((part) => (typeof part === "string" ? part : text(object(part).text) || `[${text(object(part).type) || "part"}]`)).join("\n");
  }
  return value === undefined || value === null ? "" : JSON.stringify(value, null, 2);
}

/** What a call is about, in one line: the first of its well-known members, else its first text. */
export function callWords(input) {
  if (typeof input === "string") return firstOf(input);
  const d = object(input);
  for (const name of ["command", "file_path", "filePath", "path", "pattern", "query", "url", "description", "prompt"]) {
    if (typeof d[name] === "string" && d[name] !== "") return firstOf(d[name]);
    if (Array.isArray(d[name])) return firstOf(d[name].map(String).join(" "));
  }
  return firstOf(Object.values(d).find((value) => typeof value === "string") ?? "");
}

function firstOf(words) {
  const line = words.trim().split("\n")[0];
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
}
