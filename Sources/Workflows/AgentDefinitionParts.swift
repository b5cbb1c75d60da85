// The larger parts of an agent profile: sessions, preflights, output signs.

import Domain
import Yams

extension DefinitionReader {
  // MARK: Sessions

  mutating func agentSession(_ fields: Fields) -> AgentSession? {
    let permissions = fields.values["permissions"].map {
      self.permissions($0, fields.name("permissions"))
    }
    let accesses = fields.values["file-access"].flatMap { bool($0, fields.name("file-access")) }
    guard let node = required(fields, "command"),
      let items = argumentList(node, fields.name("command"))
    else { return nil }
    for item in items where item.text.contains("{{") {
      note(
        item.node.position, "the argument \"\(item.text)\" holds {{, which has no meaning here",
        "leave it out; the prompt and the working tree go over the protocol")
    }
    return AgentSession(
      arguments: items.map(\.text), permissions: permissions ?? .init(),
      accessesFiles: accesses ?? true)
  }

  /// `allow` or `reject`, or one of them for each kind and for `default`.
  private mutating func permissions(_ node: Node, _ name: String) -> AgentPermissions {
    if case .scalar = node {
      return AgentPermissions(allowsByDefault: permission(node, name) ?? false)
    }
    var permissions = AgentPermissions(allowsByDefault: false)
    for (kind, keyNode, value) in entries(node, at: name) ?? [] {
      let isAllowed = permission(value, "\(name).\(kind)") ?? false
      if kind == "default" {
        permissions.allowsByDefault = isAllowed
      } else if AgentPermissions.kinds.contains(kind) {
        permissions.byKind[kind] = isAllowed
      } else {
        note(
          keyNode.position, "\(name) names the unknown kind \"\(kind)\"",
          Spelling.hint(for: kind, in: AgentPermissions.kinds + ["default"]))
      }
    }
    return permissions
  }

  private mutating func permission(_ node: Node, _ name: String) -> Bool? {
    guard let value = text(node, name) else { return nil }
    if ["allow", "reject"].contains(value) { return value == "allow" }
    note(node.position, "\(name) is \"\(value)\"", "write allow or reject")
    return nil
  }

  // MARK: Preflight

  /// A mapping, or a list with only the command.
  mutating func preflight(_ node: Node, _ name: String) -> AgentPreflight? {
    if case .mapping = node {
      guard let fields = fields(node, at: name, keys: ["command", "signed-in"]) else { return nil }
      let command = fields.values["command"].flatMap {
        argumentList($0, fields.name("command"))
      }
      let node = fields.values["signed-in"]
      let shown = node.flatMap { self.signIn($0, fields.name("signed-in")) }
      return AgentPreflight(command: command?.map(\.text) ?? [], signIn: shown)
    }
    return argumentList(node, name).map { AgentPreflight(command: $0.map(\.text)) }
  }

  private mutating func signIn(_ node: Node, _ name: String) -> AgentPreflight.SignIn? {
    guard let fields = fields(node, at: name, keys: ["environment", "files", "command", "hint"])
    else { return nil }
    let files = fields.values["files"].flatMap { texts($0, fields.name("files")) } ?? []
    for item in files where item.text.hasPrefix("/") || item.text.isEmpty {
      note(
        item.node.position, "\"\(item.text)\" is not a path within the agent's HOME",
        "write it without ~/ and without a / first")
    }
    let command = fields.values["command"].flatMap { argumentList($0, fields.name("command")) }
    let hint = fields.values["hint"].flatMap { line($0, fields.name("hint")) }
    let variables = environment(fields.values["environment"], fields.name("environment"))
    if variables.isEmpty, files.isEmpty, command == nil {
      note(
        fields.position, "\(name) has no way to check a sign-in",
        "write environment, files or command")
    }
    return .init(
      variables: variables, files: files.map(\.text), command: command?.map(\.text) ?? [],
      hint: hint ?? "")
  }

  // MARK: Signs

  mutating func reading(_ fields: Fields) -> AgentReading {
    var reading = AgentReading()
    if let node = fields.values["success"],
      let part = self.fields(node, at: fields.name("success"), keys: ["exit-codes", "signs"])
    {
      if let node = part.values["exit-codes"] { reading.successCodes = codes(node, part) }
      reading.success = signs(part, reads: [])
    }
    if let node = fields.values["failure"],
      let part = self.fields(node, at: fields.name("failure"), keys: ["exit-codes", "signs"])
    {
      if let node = part.values["exit-codes"] { reading.codeMeanings = meanings(node, part) }
      reading.failure = signs(part, reads: ["reason"])
    }
    if let node = fields.values["usage"] {
      let figures = UsageFigure.allCases.map(\.rawValue)
      reading.usage = list(node, fields.name("usage")) { reader, item, name in
        reader.sign(item, name, reads: figures, isUsage: true)
      }
    }
    return reading
  }

  private mutating func codes(_ node: Node, _ part: Fields) -> [Int] {
    list(node, part.name("exit-codes")) { reader, item, name in
      reader.integer(item, name, in: 0...255)
    }
  }

  private mutating func meanings(_ node: Node, _ part: Fields) -> [Int: String] {
    let name = part.name("exit-codes")
    var meanings: [Int: String] = [:]
    for (key, keyNode, value) in entries(node, at: name) ?? [] {
      guard let code = integer(keyNode, name, in: 0...255) else { continue }
      meanings[code] = line(value, "\(name).\(key)")
    }
    return meanings
  }

  private mutating func signs(_ part: Fields, reads: [String]) -> [OutputSign] {
    guard let node = part.values["signs"] else { return [] }
    return list(node, part.name("signs")) { reader, item, name in
      reader.sign(item, name, reads: reads, isUsage: false)
    }
  }

  /// - Parameters:
  ///   - reads: the names of values that may be read from the line.
  ///   - isUsage: whether the sign must read a value.
  private mutating func sign(
    _ node: Node, _ name: String, reads: [String], isUsage: Bool
  ) -> OutputSign? {
    let isFailure = reads == ["reason"]
    let keys =
      ["stream", "text", "json"] + (reads.isEmpty ? [] : ["read"]) + (isUsage ? ["total"] : [])
      + (isFailure ? ["recovered-by"] : [])
    guard let fields = fields(node, at: name, keys: keys) else { return nil }
    var sign = OutputSign()
    if let node = fields.values["recovered-by"] {
      sign.recovery = self.sign(node, fields.name("recovered-by"), reads: [], isUsage: false)
        .map { [$0] }
    }
    if let node = fields.values["stream"] {
      sign.stream = choice(node, fields.name("stream"), OutputSign.Stream.self) ?? .either
    }
    if let node = fields.values["total"] {
      sign.adds = choice(node, fields.name("total"), Total.self) == .sum
    }
    var found: [String] = []
    switch (fields.values["text"], fields.values["json"]) {
    case (let node?, nil):
      sign.text = pattern(node, fields.name("text"), reads: isUsage ? reads : [], &found)
    case (nil, let node?):
      sign.members = members(node, fields.name("json"))
      sign.values = values(fields, reads: reads)
      found = Array(sign.values.keys)
    case (nil, nil), (.some, .some):
      note(fields.position, "\(name) must have either text or json", "write text: \"…\"")
    }
    if isUsage, found.isEmpty {
      note(
        fields.position, "\(name) reads no figure",
        "write {\(reads.first ?? "")} in the text, or read: {\(reads.first ?? ""): PATH}")
    }
    return sign
  }

  private enum Total: String, CaseIterable { case last, sum }

  private mutating func pattern(
    _ node: Node, _ name: String, reads: [String], _ found: inout [String]
  ) -> String? {
    guard let text = line(node, name) else { return nil }
    guard let pattern = LinePattern(text) else {
      note(
        node.position, "\(name) begins with no text, or a { in it is not closed",
        "write text of the line first; * is anything, {NAME} a number")
      return nil
    }
    found = pattern.names
    for number in pattern.names where !reads.contains(number) {
      note(
        node.position, "\(name) reads \"\(number)\", which has no meaning here",
        Spelling.hint(for: number, in: reads))
    }
    return text
  }

  private mutating func members(_ node: Node, _ name: String) -> [String: String] {
    var members: [String: String] = [:]
    for (path, keyNode, value) in entries(node, at: name) ?? [] {
      guard case .scalar(let scalar) = value else {
        note(value.position ?? keyNode.position, "\(name).\(path) is not one value", "write a text")
        continue
      }
      members[path] = scalar.string
    }
    if members.isEmpty { note(node.position, "\(name) is empty", "write {type: …}") }
    return members
  }

  private mutating func values(_ fields: Fields, reads: [String]) -> [String: String] {
    guard let node = fields.values["read"] else { return [:] }
    let name = fields.name("read")
    var values: [String: String] = [:]
    for (value, keyNode, path) in entries(node, at: name) ?? [] {
      if reads.contains(value) {
        values[value] = line(path, "\(name).\(value)")
      } else {
        note(
          keyNode.position, "\(name) has \"\(value)\", which has no meaning here",
          Spelling.hint(for: value, in: reads))
      }
    }
    return values
  }

  private mutating func choice<T: RawRepresentable & CaseIterable>(
    _ node: Node, _ name: String, _ type: T.Type
  ) -> T? where T.RawValue == String {
    guard let text = text(node, name) else { return nil }
    if let value = T(rawValue: text) { return value }
    note(
      node.position, "\(name) is \"\(text)\"",
      Spelling.hint(for: text, in: T.allCases.map(\.rawValue)))
    return nil
  }

  private mutating func list<Item>(
    _ node: Node, _ name: String,
    _ read: (inout DefinitionReader, Node, String) -> Item?
  ) -> [Item] {
    guard case .sequence(let sequence) = node else {
      note(node.position, "\(name) is not a list", "write lines that begin with \"- \"")
      return []
    }
    var items: [Item] = []
    for (index, node) in sequence.enumerated() {
      if let item = read(&self, node, "\(name)[\(index)]") { items.append(item) }
    }
    return items
  }
}
