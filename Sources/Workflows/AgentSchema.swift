import Domain
import Text

/// The schema of an agent profile.
enum AgentSchema {
  static let profile = WorkflowSchema.object(call.with(result))

  private typealias Schema = WorkflowSchema

  private static let call: JSONValue = [
    "description": Schema.string,
    "written-for": Schema.string,
    "protocol": Schema.choice(of: ["command", "agent-client-protocol"]),
    "command": Schema.command,
    "prompt": Schema.choice(of: ["argument", "standard-input", "file"]),
    "long-prompt-command": Schema.command,
    "resume-command": Schema.command.described(
      "Replaces command to continue a conversation; {{session}} is its id"),
    "load-session": Schema.flag.described("Load the session of the last round"),
    "environment": Schema.strings.described("Names of environment variables to pass on"),
    "preflight": Schema.object(["command": Schema.command, "signed-in": signIn]).with([
      "type": ["array", "object"], "items": Schema.string, "minItems": 1,
    ]),
    "sandbox": Schema.object([
      "network": Schema.flag.with(["deprecated": true]), "readable": Schema.strings,
      "writable": Schema.strings,
      "toolchains": Schema.list(Schema.choice(of: Toolchain.allCases.map(\.rawValue))),
    ]),
    "network": Schema.network,
    "model-keys": Schema.list(modelKey.with(["required": ["base-url-variable"]])),
    "own-files": Schema.strings.described(
      "Patterns, as in .gitignore, of the agent's own files"),
  ]

  private static let signIn = Schema.object([
    "environment": Schema.strings, "files": Schema.strings, "command": Schema.command,
    "hint": Schema.string,
  ])

  private static let modelKey = Schema.object([
    "variable": Schema.string, "header": Schema.string, "base-url-variable": Schema.string,
    "host": Schema.string.with(["pattern": "^https://"]),
  ])

  private static let result: JSONValue = [
    "success": Schema.object([
      "exit-codes": Schema.list(["type": "integer"]), "signs": Schema.list(Schema.object(sign)),
    ]),
    "failure": Schema.object([
      "exit-codes": ["type": "object", "additionalProperties": Schema.string],
      "signs": Schema.list(Schema.object(sign.with(failure))),
    ]),
    "usage": Schema.list(Schema.object(sign.with(usage))),
    "words": Schema.list(
      Schema.object(sign.with(["read": Schema.object(["words": Schema.string])]))),
    "limit": Schema.list(
      Schema.object(
        sign.with(["read": Schema.object(each(LimitEnd.allCases.map(\.rawValue), Schema.string))]))
    ).described("Lines by which it says that its provider's limit was met"),
    "session-id": Schema.list(
      Schema.object(sign.with(["read": Schema.object(["session-id": Schema.string])]))),
    "permissions": Schema.object(permissions).with(["type": ["string", "object"]]),
    "file-access": Schema.flag,
  ]

  /// A line of output with a meaning.
  private static let sign: JSONValue = [
    "stream": Schema.choice(of: OutputSign.Stream.allCases.map(\.rawValue)),
    "text": Schema.string,
    "json": [
      "type": "object", "minProperties": 1,
      "additionalProperties": ["type": ["string", "boolean", "number"]],
    ],
  ]

  private static let failure: JSONValue = [
    "read": Schema.object(["reason": Schema.string]), "recovered-by": Schema.object(sign),
  ]

  private static let usage: JSONValue = [
    "total": Schema.choice(of: ["last", "sum", "conversation"]),
    "read": Schema.object(each(UsageFigure.allCases.map(\.rawValue), Schema.string)),
  ]

  private static let permissions = each(
    ["default"] + AgentPermissions.kinds, Schema.choice(of: ["allow", "reject"]))

  private static func each(_ keys: [String], _ value: JSONValue) -> JSONValue {
    .object(Dictionary(uniqueKeysWithValues: keys.map { ($0, value) }))
  }
}
