// Mustache templates for plain text, with known variables.
//
// Values are inserted without escaping, and a tag in a value is plain text. Templates use the basic
// part of Mustache (variables, sections, inverted sections, comments); partials, lambdas, pragmas
// and other delimiters are faults.

import Domain
import Mustache
import Text

/// The type of a template's variable.
indirect enum TemplateShape: Equatable, Sendable {
  case text
  /// Its section repeats; `{{.}}` is the item.
  case list
  case object([String: TemplateShape])
}

/// A fault in a template; line and column count from 1 in its text.
struct TemplateFault: Equatable {
  var line: Int
  var column: Int
  var message: String
  var instead: String
}

/// A parsed and validated template.
struct TextTemplate: Sendable {
  private let template: MustacheTemplate
  private let endsWithNewline: Bool

  /// Selects plain text output; on its own line, so that it leaves no trace.
  private static let pragma = "{{% CONTENT_TYPE: TEXT}}\n"

  /// Parses and validates.
  /// - Parameter variables: the variables of the template.
  init(_ text: String, variables: [String: TemplateShape]) throws(TemplateFaults) {
    var scan = TagScan(text: text, variables: variables)
    scan.run()
    guard scan.faults.isEmpty else { throw TemplateFaults(faults: scan.faults) }
    endsWithNewline = text.hasSuffix("\n")
    do { template = try MustacheTemplate(string: Self.pragma + text) } catch {
      let known = error as? MustacheTemplate.ParserError
      let fault = TemplateFault(
        line: max(1, (known?.context.lineNumber ?? 0) - 1),
        column: max(1, known?.context.columnNumber ?? 0),
        message: "the template is not Mustache (\(known?.error ?? error))",
        instead: "write variables as {{name}} and sections as {{#name}}…{{/name}}")
      throw TemplateFaults(faults: [fault])
    }
  }

  /// - Parameter values: texts, lists of texts, and dictionaries of these; the section of an absent
  ///   or empty value is left out.
  func render(_ values: [String: Any]) -> String { template.render(values) }

  /// Like `render`, without the newline at the end of a YAML block.
  func renderWithoutFinalNewline(_ values: [String: Any]) -> String {
    let text = render(values)
    guard endsWithNewline, text.utf8.last == UInt8(ascii: "\n") else { return text }
    var scalars = text.unicodeScalars
    scalars.removeLast()
    return String(scalars)
  }
}

struct TemplateFaults: Error, Equatable {
  var faults: [TemplateFault]
}

/// Checks the tags of a template against the variables in scope.
private struct TagScan {
  private struct Section {
    var name: String
    var line: Int
    var column: Int
    /// The variables that it adds to the scope.
    var names: [String: TemplateShape]
    var isItem: Bool
  }

  private let scalars: [Unicode.Scalar]
  private let variables: [String: TemplateShape]
  private var sections: [Section] = []
  private var index = 0
  private var line = 1
  private var column = 1
  private(set) var faults: [TemplateFault] = []

  init(text: String, variables: [String: TemplateShape]) {
    scalars = Array(text.unicodeScalars)
    self.variables = variables
  }

  mutating func run() {
    while index < scalars.count {
      if scalars[index] == "{", index + 1 < scalars.count, scalars[index + 1] == "{" {
        tag()
      } else {
        advance(1)
      }
    }
    for open in sections {
      fault(
        open.line, open.column, "the section {{#\(open.name)}} is never closed",
        "write {{/\(open.name)}} where it ends")
    }
  }

  private mutating func advance(_ count: Int) {
    for _ in 0..<min(count, scalars.count - index) {
      if scalars[index] == "\n" {
        line += 1
        column = 1
      } else {
        column += 1
      }
      index += 1
    }
  }

  private mutating func fault(_ line: Int, _ column: Int, _ message: String, _ instead: String) {
    faults.append(TemplateFault(line: line, column: column, message: message, instead: instead))
  }

  /// Checks the tag that opens at `index` and moves past it.
  private mutating func tag() {
    let (line, column) = (line, column)
    let isTriple = index + 2 < scalars.count && scalars[index + 2] == "{"
    let closing: [Unicode.Scalar] = isTriple ? ["}", "}", "}"] : ["}", "}"]
    let start = index + closing.count
    var end = start
    while end < scalars.count, !scalars[end...].starts(with: closing) { end += 1 }
    guard end < scalars.count else {
      fault(
        line, column, "a tag opens here and is never closed",
        "write \(String(String.UnicodeScalarView(closing))) after its name")
      return advance(scalars.count)
    }
    let content = String(String.UnicodeScalarView(scalars[start..<end]))
    advance(end + closing.count - index)
    if isTriple {
      check(variable: content.trimmed, line, column)
    } else {
      check(tag: content.trimmed, line, column)
    }
  }

  private mutating func check(tag: String, _ line: Int, _ column: Int) {
    let rest = tag.dropFirst().trimmed
    switch tag.first {
    case "!": return
    case "&": check(variable: rest, line, column)
    case "#": open(rest, inverted: false, line, column)
    case "^": open(rest, inverted: true, line, column)
    case "/": close(rest, line, column)
    case ">", "<", "$", "=", "%", "*":
      fault(
        line, column, "the tag {{\(tag)}} is of an unsupported kind",
        "use variables {{name}}, sections {{#name}}…{{/name}} and {{^name}}…{{/name}} only")
    default: check(variable: tag, line, column)
    }
  }

  /// The type of a name in the current scope; notes a fault if absent.
  private mutating func shape(of name: String, _ line: Int, _ column: Int) -> TemplateShape? {
    if name == ".", sections.contains(where: \.isItem) { return .text }
    for section in sections.reversed() {
      if let shape = section.names[name] { return shape }
    }
    if let shape = variables[name] { return shape }
    var known = Array(variables.keys)
    for section in sections { known += section.names.keys }
    fault(
      line, column, "there is no variable \"\(name)\" here", Spelling.hint(for: name, in: known))
    return nil
  }

  private mutating func check(variable name: String, _ line: Int, _ column: Int) {
    guard let shape = shape(of: name, line, column) else { return }
    switch shape {
    case .text: break
    case .list:
      fault(
        line, column, "\"\(name)\" is a list, not a text",
        "write {{#\(name)}}{{.}}{{/\(name)}} around the text for each item")
    case .object(let fields):
      fault(
        line, column, "\"\(name)\" is not a text but has the parts \(fields.keys.sorted())",
        "write {{#\(name)}}…{{/\(name)}} and name a part within")
    }
  }

  private mutating func open(_ name: String, inverted: Bool, _ line: Int, _ column: Int) {
    var section = Section(name: name, line: line, column: column, names: [:], isItem: false)
    if let shape = shape(of: name, line, column), !inverted {
      switch shape {
      case .text: break
      case .list: section.isItem = true
      case .object(let fields): section.names = fields
      }
    }
    sections.append(section)
  }

  private mutating func close(_ name: String, _ line: Int, _ column: Int) {
    guard let last = sections.last else {
      return fault(
        line, column, "{{/\(name)}} closes a section that is not open",
        "write {{#\(name)}} before, or leave it out")
    }
    if last.name != name {
      fault(
        line, column,
        "{{/\(name)}} is within {{#\(last.name)}} of line \(last.line), which is still open",
        "write {{/\(last.name)}}")
    }
    sections.removeLast()
  }
}
