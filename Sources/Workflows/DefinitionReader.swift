// Strict parsing of YAML: every fault is noted with its position, and parsing continues.

import Domain
import Yams

/// A position in a file, counted from 1.
struct SourcePosition {
  var line: Int
  var column: Int
}

extension SourcePosition {
  fileprivate init(_ mark: Mark) { self.init(line: mark.line, column: mark.column) }
}

extension Node {
  /// The position of its beginning.
  var position: SourcePosition? { mark.map(SourcePosition.init) }
}

/// Reads typed values from YAML nodes. A missing or invalid value is noted in `faults` and returned
/// as nil, so one pass finds all faults.
struct DefinitionReader {
  let file: String
  private let lines: [Substring]
  private(set) var faults: [WorkflowFault] = []

  /// - Parameters:
  ///   - source: the text that is parsed, for the positions of faults.
  ///   - file: its name in faults.
  init(source: String, file: String) {
    self.file = file
    lines = source.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
  }

  /// The values of a mapping with known keys, and its position.
  struct Fields {
    var position: SourcePosition
    /// The name in messages, for example `time-limits`; empty for the document.
    var path: String
    var values: [String: Node]

    /// The full name of a key.
    func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
  }

  static let documentStart = SourcePosition(line: 1, column: 1)

  mutating func note(_ position: SourcePosition?, _ message: String, _ instead: String) {
    let position = position ?? Self.documentStart
    faults.append(
      WorkflowFault(
        file: file, line: position.line, column: position.column, message: message, instead: instead
      ))
  }

  /// Parses the document; notes a syntax error.
  mutating func compose(_ source: String) -> Node? {
    do {
      if let node = try Yams.compose(yaml: source) { return node }
      note(nil, "the file is empty", "write a workflow, beginning with name: …")
    } catch let error as YamlError {
      note(error)
    } catch {
      note(nil, "the file is not YAML (\(error))", "write YAML")
    }
    return nil
  }

  private mutating func note(_ error: YamlError) {
    switch error {
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let about = context.map { " (\($0.text) of line \($0.mark.line))" } ?? ""
      note(
        SourcePosition(mark), "this is not YAML: \(problem)\(about)",
        "check the indentation, and quote texts with : # { [ or with a special character first")
    case .duplicatedKeysInMapping(let duplicates, let context):
      note(
        SourcePosition(context.mark),
        "the key \"\(duplicates.joined(separator: "\", \""))\" is duplicate",
        "write it once")
    case .reader(let problem, _, _, let yaml):
      note(
        Self.firstControl(in: yaml),
        "the file contains a character that YAML does not allow: \(problem)",
        "remove it")
    case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
      note(nil, "the file could not be read as YAML (\(error))", "write YAML")
    }
  }

  /// The position of the first character that YAML forbids.
  private static func firstControl(in source: String) -> SourcePosition {
    var line = 1
    var column = 1
    for scalar in source.unicodeScalars {
      if scalar == "\n" {
        line += 1
        column = 1
        continue
      }
      let isControl = scalar.properties.generalCategory == .control && scalar != "\t"
      if isControl && scalar != "\r" && scalar != "\u{85}" { break }
      column += 1
    }
    return SourcePosition(line: line, column: column)
  }

  // MARK: Mappings

  /// - Parameters:
  ///   - path: the mapping's name in messages.
  ///   - keys: the allowed keys.
  mutating func fields(_ node: Node, at path: String, keys: [String]) -> Fields? {
    guard let pairs = entries(node, at: path) else { return nil }
    var values: [String: Node] = [:]
    for (key, keyNode, value) in pairs {
      if keys.contains(key) {
        values[key] = value
      } else {
        let location = path.isEmpty ? "" : " in \(path)"
        note(
          keyNode.position, "unknown key \"\(key)\"\(location)", Spelling.hint(for: key, in: keys))
      }
    }
    return Fields(position: node.position ?? Self.documentStart, path: path, values: values)
  }

  /// The pairs of a mapping with any keys, in order.
  mutating func entries(_ node: Node, at path: String) -> [(key: String, node: Node, value: Node)]?
  {
    let what = path.isEmpty ? "the document" : path
    guard case .mapping(let mapping) = node else {
      note(node.position, "\(what) is not a mapping", "write lines of the form key: value")
      return nil
    }
    var pairs: [(key: String, node: Node, value: Node)] = []
    for (keyNode, value) in mapping {
      if case .scalar(let scalar) = keyNode {
        pairs.append((scalar.string, keyNode, value))
      } else {
        note(
          keyNode.position, "a key in \(what) is not a text", "write lines of the form key: value")
      }
    }
    return pairs
  }

  /// The value of a required key.
  mutating func required(_ fields: Fields?, _ key: String) -> Node? {
    guard let fields else { return nil }
    if let node = fields.values[key] { return node }
    note(fields.position, "\(fields.name(key)) is missing", "write \(key): … here")
    return nil
  }

  // MARK: Scalars

  /// A text; numbers, `true`, `null` and the like must be quoted.
  mutating func text(_ node: Node, _ name: String) -> String? {
    guard case .scalar(let scalar) = node else {
      note(node.position, "\(name) is not a text", "write one text, in quotes where it needs them")
      return nil
    }
    guard node.tag == Tag(.str) else {
      note(
        node.position, "\(name) is \(scalar.string.isEmpty ? "empty" : scalar.string), not a text",
        "write it in quotes: \"\(scalar.string)\"")
      return nil
    }
    return scalar.string
  }

  /// A text of one line, not blank.
  mutating func line(_ node: Node, _ name: String) -> String? {
    guard let text = text(node, name) else { return nil }
    if text.allSatisfy(\.isWhitespace) {
      note(node.position, "\(name) is empty", "write at least one word")
      return nil
    }
    if text.contains(where: \.isNewline) {
      note(node.position, "\(name) has more than one line", "write it in one line")
      return nil
    }
    return text
  }

  mutating func bool(_ node: Node, _ name: String) -> Bool? {
    if case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any {
      if scalar.string == "true" { return true }
      if scalar.string == "false" { return false }
    }
    note(node.position, "\(name) is neither true nor false", "write true or false, without quotes")
    return nil
  }

  mutating func integer(_ node: Node, _ name: String, in range: ClosedRange<Int>) -> Int? {
    let bounds = "write a whole number from \(range.lowerBound) to \(range.upperBound)"
    guard case .scalar(let scalar) = node, let number = Int(scalar.string) else {
      note(node.position, "\(name) is not a whole number", bounds)
      return nil
    }
    guard range.contains(number) else {
      note(node.position, "\(name) is \(number), which is out of range", bounds)
      return nil
    }
    return number
  }

  mutating func duration(
    _ node: Node, _ name: String, in range: ClosedRange<Milliseconds>
  ) -> Milliseconds? {
    guard case .scalar(let scalar) = node, let span = Quantity.duration(scalar.string) else {
      note(node.position, "\(name) is not a span of time", Quantity.durationForm)
      return nil
    }
    guard range.contains(span) else {
      note(
        node.position, "\(name) is \(scalar.string), which is out of range",
        "write a span from \(Quantity.text(range.lowerBound)) "
          + "to \(Quantity.text(range.upperBound))")
      return nil
    }
    return span
  }

  mutating func size(_ node: Node, _ name: String, in range: ClosedRange<Int>) -> Int? {
    guard case .scalar(let scalar) = node, let bytes = Quantity.size(scalar.string) else {
      note(node.position, "\(name) is not a size", Quantity.sizeForm)
      return nil
    }
    guard range.contains(bytes) else {
      note(
        node.position, "\(name) is \(scalar.string), which is out of range",
        "write a size from \(range.lowerBound)B to \(range.upperBound)B")
      return nil
    }
    return bytes
  }

  /// A list of texts with their nodes.
  mutating func texts(_ node: Node, _ name: String) -> [(text: String, node: Node)]? {
    guard case .sequence(let sequence) = node else {
      note(node.position, "\(name) is not a list", "write [a, b] or lines that begin with \"- \"")
      return nil
    }
    var items: [(text: String, node: Node)] = []
    for (index, item) in sequence.enumerated() {
      if let text = text(item, "\(name)[\(index)]") { items.append((text, item)) }
    }
    return items
  }

  // MARK: Templates

  mutating func template(
    _ node: Node, _ name: String, variables: [String: TemplateShape]
  ) -> TextTemplate? {
    guard case .scalar(let scalar) = node, let text = text(node, name) else {
      if case .scalar = node { return nil }
      note(
        node.position, "\(name) is not a text", "write \(name): | and the template below, indented")
      return nil
    }
    if text.allSatisfy(\.isWhitespace) {
      note(node.position, "\(name) is empty", "write the template below it, indented")
      return nil
    }
    switch TextTemplate.parse(text, variables: variables) {
    case .success(let template): return template
    case .failure(let found):
      for fault in found.faults {
        note(position(of: fault, in: scalar), "\(name): \(fault.message)", fault.instead)
      }
      return nil
    }
  }

  /// A fault's position in the file. Only a literal block keeps its lines, each with the same
  /// indentation; for other styles it is the beginning of the scalar.
  private func position(of fault: TemplateFault, in scalar: Node.Scalar) -> SourcePosition? {
    guard let mark = scalar.mark.map(SourcePosition.init) else { return nil }
    guard scalar.style == .literal else { return mark }
    let contents = scalar.string.split(separator: "\n", omittingEmptySubsequences: false)
    let line = mark.line + fault.line
    guard line <= lines.count, fault.line <= contents.count else { return mark }
    let indentation = lines[line - 1].count - contents[fault.line - 1].count
    return SourcePosition(line: line, column: fault.column + max(0, indentation))
  }
}
