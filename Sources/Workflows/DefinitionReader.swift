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

  /// A value, and its name in messages, such as `time-limits.agent`; empty for the document.
  struct Field {
    var node: Node
    var name: String

    var position: SourcePosition? { node.position }
  }

  /// The values of a mapping with known keys, and its position.
  struct Fields {
    var position: SourcePosition
    /// The mapping's name in messages; empty for the document.
    var path: String
    var values: [String: Node]

    /// The full name of a key.
    func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The value of a key; nil if it is absent.
    subscript(key: String) -> Field? { values[key].map { Field(node: $0, name: name(key)) } }
  }

  static let documentStart = SourcePosition(line: 1, column: 1)

  mutating func note(_ position: SourcePosition?, _ message: String, _ instead: String) {
    let position = position ?? Self.documentStart
    faults.append(
      WorkflowFault(
        file: file, line: position.line, column: position.column, message: message, instead: instead
      ))
  }

  /// Notes a fault of a value.
  /// - Parameter problem: continues the value's name.
  mutating func note(_ field: Field, _ problem: String, _ instead: String) {
    note(field.position, "\(field.name) \(problem)", instead)
  }

  /// Notes that a value is invalid.
  /// - Returns: nil.
  mutating func invalid<Value>(_ field: Field, _ problem: String, _ instead: String) -> Value? {
    note(field, problem, instead)
    return nil
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

  /// The values of a mapping.
  /// - Parameter keys: the allowed keys.
  /// - Returns: nil if the value is absent or not a mapping.
  mutating func fields(_ field: Field?, keys: [String]) -> Fields? {
    guard let field, let pairs = entries(field) else { return nil }
    var values: [String: Node] = [:]
    for (key, keyNode, value) in pairs {
      if keys.contains(key) {
        values[key] = value.node
      } else {
        let location = field.name.isEmpty ? "" : " in \(field.name)"
        note(
          keyNode.position, "unknown key \"\(key)\"\(location)", Spelling.hint(for: key, in: keys))
      }
    }
    return Fields(
      position: field.position ?? Self.documentStart, path: field.name, values: values)
  }

  /// The pairs of a mapping with any keys, in order.
  mutating func entries(_ field: Field) -> [(key: String, node: Node, value: Field)]? {
    let what = field.name.isEmpty ? "the document" : field.name
    guard case .mapping(let mapping) = field.node else {
      note(field.position, "\(what) is not a mapping", "write lines of the form key: value")
      return nil
    }
    var pairs: [(key: String, node: Node, value: Field)] = []
    for (keyNode, value) in mapping {
      if case .scalar(let scalar) = keyNode {
        let name = "\(field.name).\(scalar.string)"
        pairs.append((scalar.string, keyNode, Field(node: value, name: name)))
      } else {
        note(
          keyNode.position, "a key in \(what) is not a text", "write lines of the form key: value")
      }
    }
    return pairs
  }

  /// The value of a required key.
  mutating func required(_ fields: Fields, _ key: String) -> Field? {
    if let field = fields[key] { return field }
    note(fields.position, "\(fields.name(key)) is missing", "write \(key): … here")
    return nil
  }

  // MARK: Scalars

  /// A text; numbers, `true`, `null` and the like must be quoted.
  mutating func text(_ field: Field?) -> String? {
    guard let field else { return nil }
    guard case .scalar(let scalar) = field.node else {
      return invalid(field, "is not a text", "write one text, in quotes where it needs them")
    }
    guard field.node.tag == Tag(.str) else {
      return invalid(
        field, "is \(scalar.string.isEmpty ? "empty" : scalar.string), not a text",
        "write it in quotes: \"\(scalar.string)\"")
    }
    return scalar.string
  }

  /// A text of one line, not blank.
  mutating func line(_ field: Field?) -> String? {
    guard let field, let text = text(field) else { return nil }
    if text.allSatisfy(\.isWhitespace) {
      return invalid(field, "is empty", "write at least one word")
    }
    if text.contains(where: \.isNewline) {
      return invalid(field, "has more than one line", "write it in one line")
    }
    return text
  }

  mutating func bool(_ field: Field?) -> Bool? {
    guard let field else { return nil }
    if case .scalar(let scalar) = field.node, scalar.style == .plain || scalar.style == .any {
      if scalar.string == "true" { return true }
      if scalar.string == "false" { return false }
    }
    return invalid(field, "is neither true nor false", "write true or false, without quotes")
  }

  mutating func integer(_ field: Field?, in range: ClosedRange<Int>) -> Int? {
    scalar(
      field, in: range, "a whole number", Int.init,
      bounds: "write a whole number from \(range.lowerBound) to \(range.upperBound)")
  }

  mutating func duration(_ field: Field?, in range: ClosedRange<Milliseconds>) -> Milliseconds? {
    let bounds = [range.lowerBound, range.upperBound].map(Quantity.text)
    return scalar(
      field, in: range, "a span of time", Quantity.duration, form: Quantity.durationForm,
      bounds: "write a span from \(bounds[0]) to \(bounds[1])")
  }

  mutating func size(_ field: Field?, in range: ClosedRange<Int>) -> Int? {
    scalar(
      field, in: range, "a size", Quantity.size, form: Quantity.sizeForm,
      bounds: "write a size from \(range.lowerBound)B to \(range.upperBound)B")
  }

  /// A value in a range.
  /// - Parameters:
  ///   - what: what the value must be.
  ///   - form: what to write if it is not; nil for `bounds`.
  ///   - bounds: what to write if it is out of range.
  mutating func scalar<Value: Comparable>(
    _ field: Field?, in range: ClosedRange<Value>, _ what: String, _ parse: (String) -> Value?,
    form: String? = nil, bounds: String
  ) -> Value? {
    guard let field else { return nil }
    guard let text = field.node.scalar?.string, let value = parse(text) else {
      return invalid(field, "is not \(what)", form ?? bounds)
    }
    guard range.contains(value) else {
      return invalid(field, "is \(text), which is out of range", bounds)
    }
    return value
  }

  /// One of the texts of an enumeration.
  mutating func choice<Value: RawRepresentable & CaseIterable>(_ field: Field?) -> Value?
  where Value.RawValue == String {
    guard let field, let text = text(field) else { return nil }
    if let value = Value(rawValue: text) { return value }
    return invalid(
      field, "is \"\(text)\"", Spelling.hint(for: text, in: Value.allCases.map(\.rawValue)))
  }

  // MARK: Lists

  /// A list of texts.
  mutating func texts(_ field: Field?) -> [Item]? {
    guard let field else { return nil }
    guard let items = items(field) else {
      return invalid(field, "is not a list", "write [a, b] or lines that begin with \"- \"")
    }
    return items.compactMap { item in text(item).map { Item(text: $0, position: item.position) } }
  }

  /// The values of a list; nil if the value is not a list.
  func items(_ field: Field) -> [Field]? {
    field.node.sequence?.enumerated().map { index, node in
      Field(node: node, name: "\(field.name)[\(index)]")
    }
  }

  /// A text of a list.
  struct Item {
    var text: String
    var position: SourcePosition?
  }

  // MARK: Templates

  mutating func template(
    _ field: Field?, variables: [String: TemplateShape]
  ) -> TextTemplate? {
    guard let field else { return nil }
    guard case .scalar(let scalar) = field.node else {
      return invalid(
        field, "is not a text", "write \(field.name): | and the template below, indented")
    }
    guard let text = text(field) else { return nil }
    if text.allSatisfy(\.isWhitespace) {
      return invalid(field, "is empty", "write the template below it, indented")
    }
    do throws(TemplateFaults) { return try TextTemplate(text, variables: variables) } catch {
      for fault in error.faults {
        note(position(of: fault, in: scalar), "\(field.name): \(fault.message)", fault.instead)
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
