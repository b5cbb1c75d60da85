import FoundationEssentials
import Text

/// The JSON schema of a definition, for editors. Only `aipm workflows check` validates everything,
/// such as the names of agents.
package enum WorkflowSchema {
  /// JSON Schema, draft 2020-12.
  package static var text: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(schema), as: UTF8.self)
    }
  }

  private static let schema = object(settings.with(parts)).with([
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "AIPM workflow",
    "if": ["required": ["extends"]],
    "else": [
      "required": ["name", "agent-preference", "templates"],
      "properties": [
        "templates": ["required": ["task-file", "prompt", "commit-message", "pull-request-body"]],
        "agents": ["additionalProperties": ["required": ["command"]]],
      ],
    ],
  ])

  // MARK: Values

  static let string: JSONValue = ["type": "string"]
  static let strings = list(string)
  static let command = list(string).with(["minItems": 1])
  static let flag: JSONValue = ["type": "boolean"]
  private static let span: JSONValue = ["type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"]
  private static let size: JSONValue = ["type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)$"]
  private static let positive = count(from: 1)

  /// A mapping with these keys and no others.
  static func object(_ properties: JSONValue) -> JSONValue {
    ["type": "object", "additionalProperties": false, "properties": properties]
  }

  static func list(_ items: JSONValue) -> JSONValue { ["type": "array", "items": items] }

  private static func count(from least: Int64, to most: Int64? = nil) -> JSONValue {
    let number: JSONValue = ["type": "integer", "minimum": .integer(least)]
    return most.map { number.with(["maximum": .integer($0)]) } ?? number
  }

  /// Network access, in a workflow and in an agent profile.
  static let network = object([
    "allow": strings.described("Hosts, or npm pypi crates go maven debian github"), "upload": size,
  ]).with(["type": ["string", "object"]]).described("none, public, host, or the allowed hosts")

  /// The actions at one moment.
  private static let notice = object([
    "comment": string.described("Mustache; the comment on the pull request"), "labels": strings,
  ])

  private static let dollars: JSONValue = [
    "type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000,
  ]

  // MARK: Keys

  private static let settings: JSONValue = [
    "name": ["type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"],
    "extends": string.described("The workflow whose values apply to absent keys"),
    "description": string,
    "agent-preference": command.described(
      "Agents by preference; the first installed one is used"),
    "when-limited": choice(of: WhenLimited.allCases.map(\.rawValue)).with(["default": "wait"])
      .described("What follows if an agent meets its provider's limit"),
    "attempts": count(from: 1, to: 20).described(
      "The number of generations before an agent's failure is final"),
    "time-limits": object(["agent": span, "stall": span]),
    "retry": object([
      "first-delay": span, "maximum-delay": span, "tries": count(from: 1, to: 100),
    ]),
    "pull-request": object([
      "draft": flag, "base-branch": string, "labels": strings, "reviewers": strings,
      "team-reviewers": strings,
    ]),
    "on-pushed": notice,
    "on-failed": notice,
    "limits": object([
      "per-repository": positive, "per-requester": positive, "output": size, "change": size,
      "changed-files": positive, "disk": size, "processes": count(from: 8), "memory": size,
    ]),
  ]

  private static let parts: JSONValue = [
    "budget": object([
      "delegation": dollars, "requester-per-month": dollars, "repository-per-month": dollars,
    ]).described("What delegations may cost, in US dollars"),
    "network": network,
    "refused-paths": strings.described(
      "Paths that a change may not touch; a trailing / includes everything below"),
    "secrets": object([
      "allow-paths": strings.described("Paths that are not searched for credentials"),
      "allow-patterns": list(string.with(["minLength": 8])).described(
        "Texts that are not credentials, with * for anything"),
    ]),
    "task-file": object([
      "path": string.described("From the root; may contain {{confirmationCode}}"),
      "after": choice(of: ["restore", "keep"]).with(["default": "restore"]).described(
        "What the generated commit does with the file"),
    ]),
    "commands": object([
      "setup": commands.described("Run before the agent"),
      "verify": commands.described("Run after the agent"),
      "rounds": count(from: 0, to: 10).described(
        "How often a failed verification is returned to the agent"),
      "environment": strings.described("Names of environment variables for the commands"),
    ]),
    "repository-may-set": list(choice(of: ["setup", "verify"])),
    "templates": object([
      "task-file": string, "prompt": string, "commit-message": string,
      "pull-request-body": string, "cancel-comment": string, "round-prompt": string,
      "round-commit-message": string, "resume-prompt": string,
    ]),
    "keep-session": string.with(["pattern": "^(never|0|[0-9]+(ms|s|m|h|d))$"]).with([
      "type": ["string", "integer"]
    ]).described("How long an agent's conversation is kept for the next round"),
    "rounds": object([
      "on": list(choice(of: RoundPolicy.Trigger.allCases.map(\.rawValue))).described(
        "What a round may begin with"),
      "gather": span.described("How long a round waits for more feedback"),
      "maximum": count(from: 0, to: 100), "checks": count(from: 0, to: 100),
      "bots": strings.described("Programs whose feedback counts"),
      "mentions": strings.described("Words that make a comment count"),
    ]),
    "notifications": object([
      "slack": string.described("Mustache; the text for Slack"),
      "mail-subject": string, "mail-body": string,
    ]),
    "agents": ["type": "object", "additionalProperties": AgentSchema.profile],
  ]

  private static let commands = list(command).with(["maxItems": 20])

  static func choice(of values: [String]) -> JSONValue {
    ["enum": .array(values.map { .string($0) })]
  }
}

extension JSONValue {
  /// This schema with a description for people.
  func described(_ text: String) -> JSONValue { with(["description": .string(text)]) }
}
