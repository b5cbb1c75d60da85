// The larger parts of an agent profile: sessions, preflights, output signs.

import Domain
import Yams

extension DefinitionReader {
  // MARK: Sessions

  mutating func agentSession(_ fields: Fields) -> AgentSession? {
    let permissions = fields["permissions"].map { self.permissions($0) }
    let accesses = bool(fields["file-access"])
    let loads = bool(fields["load-session"])
    guard let items = argumentList(required(fields, "command")) else { return nil }
    for item in items where item.text.contains("{{") {
      note(
        item.position, "the argument \"\(item.text)\" holds {{, which has no meaning here",
        "leave it out; the prompt and the working tree go over the protocol")
    }
    return AgentSession(
      arguments: items.map(\.text), permissions: permissions ?? .init(),
      accessesFiles: accesses ?? true, loadsSessions: loads)
  }

  /// `allow` or `reject`, or one of them for each kind and for `default`.
  private mutating func permissions(_ field: Field) -> AgentPermissions {
    if case .scalar = field.node {
      return AgentPermissions(allowsByDefault: permission(field) ?? false)
    }
    var permissions = AgentPermissions(allowsByDefault: false)
    for (kind, keyNode, value) in entries(field) ?? [] {
      let isAllowed = permission(value) ?? false
      if kind == "default" {
        permissions.allowsByDefault = isAllowed
      } else if AgentPermissions.kinds.contains(kind) {
        permissions.byKind[kind] = isAllowed
      } else {
        note(
          keyNode.position, "\(field.name) names the unknown kind \"\(kind)\"",
          Spelling.hint(for: kind, in: AgentPermissions.kinds + ["default"]))
      }
    }
    return permissions
  }

  private mutating func permission(_ field: Field) -> Bool? {
    guard let value = text(field) else { return nil }
    if ["allow", "reject"].contains(value) { return value == "allow" }
    return invalid(field, "is \"\(value)\"", "write allow or reject")
  }

  // MARK: Preflight

  /// A mapping, or a list with only the command.
  mutating func preflight(_ field: Field) -> AgentPreflight? {
    guard case .mapping = field.node else {
      return argumentList(field).map { AgentPreflight(command: $0.map(\.text)) }
    }
    guard let fields = fields(field, keys: ["command", "signed-in"]) else { return nil }
    let command = argumentList(fields["command"])?.map(\.text)
    return AgentPreflight(command: command ?? [], signIn: signIn(fields["signed-in"]))
  }

  private mutating func signIn(_ field: Field?) -> AgentPreflight.SignIn? {
    guard let field,
      let fields = fields(field, keys: ["environment", "files", "command", "hint"])
    else { return nil }
    let files = texts(fields["files"]) ?? []
    for item in files where item.text.hasPrefix("/") || item.text.isEmpty {
      note(
        item.position, "\"\(item.text)\" is not a path within the agent's HOME",
        "write it without ~/ and without a / first")
    }
    let command = argumentList(fields["command"])
    let hint = line(fields["hint"])
    let variables = environment(fields["environment"])
    if variables.isEmpty, files.isEmpty, command == nil {
      note(field, "has no way to check a sign-in", "write environment, files or command")
    }
    return .init(
      variables: variables, files: files.map(\.text), command: command?.map(\.text) ?? [],
      hint: hint ?? "")
  }

  // MARK: Signs

  mutating func reading(_ fields: Fields) -> AgentReading {
    var reading = AgentReading()
    if let part = self.fields(fields["success"], keys: ["exit-codes", "signs"]) {
      if let field = part["exit-codes"] {
        reading.successCodes = list(field) { reader, item in reader.integer(item, in: 0...255) }
      }
      reading.success = signs(part["signs"], reads: [])
    }
    if let part = self.fields(fields["failure"], keys: ["exit-codes", "signs"]) {
      if let field = part["exit-codes"] { reading.codeMeanings = meanings(field) }
      reading.failure = signs(part["signs"], reads: ["reason"])
    }
    let figures = UsageFigure.allCases.map(\.rawValue)
    reading.usage = signs(fields["usage"], reads: figures, isUsage: true)
    let limit = signs(fields["limit"], reads: LimitEnd.allCases.map(\.rawValue), isLimit: true)
    if !limit.isEmpty { reading.limit = limit }
    let words = signs(fields["words"], reads: ["words"])
    if !words.isEmpty { reading.words = words }
    let session = signs(fields["session-id"], reads: ["session-id"])
    if !session.isEmpty { reading.session = session }
    return reading
  }

  private mutating func meanings(_ field: Field) -> [Int: String] {
    var meanings: [Int: String] = [:]
    for (_, keyNode, value) in entries(field) ?? [] {
      let key = Field(node: keyNode, name: field.name)
      guard let code = integer(key, in: 0...255) else { continue }
      meanings[code] = line(value)
    }
    return meanings
  }

  /// - Parameters:
  ///   - reads: the names of values that may be read from a line.
  ///   - isUsage: whether each sign must read a value.
  ///   - isLimit: whether a sign may have a text and members.
  private mutating func signs(
    _ field: Field?, reads: [String], isUsage: Bool = false, isLimit: Bool = false
  ) -> [OutputSign] {
    guard let field else { return [] }
    return list(field) { reader, item in
      reader.sign(item, reads: reads, isUsage: isUsage, isLimit: isLimit)
    }
  }

  private mutating func sign(
    _ field: Field, reads: [String], isUsage: Bool, isLimit: Bool = false
  ) -> OutputSign? {
    let isFailure = reads == ["reason"]
    let keys =
      ["stream", "text", "json"] + (reads.isEmpty ? [] : ["read"]) + (isUsage ? ["total"] : [])
      + (isFailure ? ["recovered-by"] : [])
    guard let fields = fields(field, keys: keys) else { return nil }
    var sign = OutputSign()
    if let field = fields["recovered-by"] {
      sign.recovery = self.sign(field, reads: [], isUsage: false).map { [$0] }
    }
    sign.stream = choice(fields["stream"]) ?? .either
    let total: Total? = choice(fields["total"])
    sign.adds = total == .sum
    sign.ofConversation = total == .conversation ? true : nil
    var found: [String] = []
    switch (fields["text"], fields["json"]) {
    case (let text?, nil):
      sign.text = pattern(text, reads: isUsage || isLimit ? reads : [], &found)
    case (let text?, let json?) where isLimit:
      sign.text = pattern(text, reads: reads, &found)
      sign.members = members(json)
      sign.values = values(fields["read"], reads: reads)
    case (nil, let json?):
      sign.members = members(json)
      sign.values = values(fields["read"], reads: reads)
      found = Array(sign.values.keys)
    case (nil, nil), (.some, .some):
      note(field, "must have either text or json", "write text: \"…\"")
    }
    if isUsage, found.isEmpty {
      let first = reads.first ?? ""
      note(
        field, "reads no figure",
        "write {\(first)} in the text, or read: {\(first): PATH}")
    }
    return sign
  }

  private enum Total: String, CaseIterable { case last, sum, conversation }

  private mutating func pattern(
    _ field: Field, reads: [String], _ found: inout [String]
  ) -> String? {
    guard let text = line(field) else { return nil }
    guard let pattern = LinePattern(text) else {
      return invalid(
        field, "begins with no text, or a { in it is not closed",
        "write text of the line first; * is anything, {NAME} a number")
    }
    found = pattern.names
    for number in pattern.names where !reads.contains(number) {
      note(
        field, "reads \"\(number)\", which has no meaning here",
        Spelling.hint(for: number, in: reads))
    }
    return text
  }

  private mutating func members(_ field: Field) -> [String: String] {
    var members: [String: String] = [:]
    for (path, keyNode, value) in entries(field) ?? [] {
      guard case .scalar(let scalar) = value.node else {
        note(value.position ?? keyNode.position, "\(value.name) is not one value", "write a text")
        continue
      }
      members[path] = scalar.string
    }
    if members.isEmpty { note(field, "is empty", "write {type: …}") }
    return members
  }

  private mutating func values(_ field: Field?, reads: [String]) -> [String: String] {
    guard let field else { return [:] }
    var values: [String: String] = [:]
    for (value, keyNode, path) in entries(field) ?? [] {
      if reads.contains(value) {
        values[value] = line(path)
      } else {
        note(
          keyNode.position, "\(field.name) has \"\(value)\", which has no meaning here",
          Spelling.hint(for: value, in: reads))
      }
    }
    return values
  }

  private mutating func list<Value>(
    _ field: Field, _ read: (inout DefinitionReader, Field) -> Value?
  ) -> [Value] {
    guard let items = items(field) else {
      note(field, "is not a list", "write lines that begin with \"- \"")
      return []
    }
    return items.compactMap { read(&self, $0) }
  }
}
