/// The parsed prompt.
struct Brief: Equatable {
  /// An acceptance criterion, and the name of its function.
  struct Criterion: Equatable {
    var text: String
    var name: Name
  }

  var objective: String
  /// One line; empty if absent.
  var constraints: String
  /// The paragraphs of the module's comment.
  var paragraphs: [String] {
    constraints.isEmpty ? [objective] : [objective, "Constraints: \(constraints)"]
  }
  /// At least one; the objective, if the prompt has no criteria.
  var criteria: [Criterion]
  var name: Name

  static let criteriaMax = 100

  init(prompt: String) {
    let parts = Self.parts(prompt)
    objective = PlainText.clean(parts.objective)
    if objective.isEmpty { objective = "An empty prompt" }
    constraints = PlainText.clean(parts.constraints)
    name = Name(of: objective, wordsMax: 4, or: "feature")
    let texts = parts.criteria.map(PlainText.clean).filter { !$0.isEmpty }
    var taken: Set<String> = []
    criteria = (texts.isEmpty ? [objective] : Array(texts.prefix(Self.criteriaMax))).map { text in
      let name = Name(of: text, wordsMax: 6, or: "criterion")
        .numbered { taken.contains($0.key) }
      taken.insert(name.key)
      return Criterion(text: text, name: name)
    }
  }

  /// Splits a prompt at its headings, which are at the beginning of a line. If a heading occurs
  /// more than once, the last one counts, because the user's own text comes first.
  private static func parts(
    _ prompt: String
  ) -> (objective: String, constraints: String, criteria: [String]) {
    let lines = prompt.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    let criteriaAt = lines.lastIndex { $0.hasPrefix("Acceptance Criteria:") } ?? lines.endIndex
    let constraintsAt =
      lines[..<criteriaAt].lastIndex { $0.hasPrefix("Constraints:") } ?? criteriaAt
    var objective = lines[..<constraintsAt].joined(separator: " ")
    if objective.hasPrefix("Implement:") { objective.removeFirst("Implement:".count) }
    let constraints = lines[constraintsAt..<criteriaAt].joined(separator: " ")
      .dropFirst("Constraints:".count)
    var criteria: [String] = []
    for line in lines[criteriaAt...].dropFirst() {
      if line.hasPrefix("- ") {
        criteria.append(String(line.dropFirst(2)))
      } else if !criteria.isEmpty {
        criteria[criteria.count - 1] += " " + line
      }
    }
    return (objective, String(constraints), criteria)
  }
}

/// Makes texts of users safe for a comment in any language.
enum PlainText {
  static let lengthMax = 400

  /// One line without control characters and marks of text direction, with single spaces. A long
  /// text is cut.
  static func clean(_ text: String) -> String {
    var scalars = String.UnicodeScalarView()
    var pendingBlank = false
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator, .spaceSeparator:
        pendingBlank = !scalars.isEmpty
      case .format, .surrogate, .privateUse, .unassigned: continue
      default:
        if pendingBlank { scalars.append(" ") }
        pendingBlank = false
        scalars.append(scalar)
      }
      if scalars.count >= lengthMax {
        scalars.append("…")
        break
      }
    }
    return String(scalars)
  }

  /// Wrapped paragraphs, separated by an empty line.
  static func wrapped(
    paragraphs: [String], prefix: String, width: Int = 96
  ) -> [String] {
    let blank = String(prefix.reversed().drop { $0 == " " }.reversed())
    return Array(
      paragraphs.map { wrapped($0, prefix: prefix, width: width) }.joined(separator: [blank]))
  }

  /// A text in lines of at most `width` scalars with a prefix. Longer words are not broken.
  static func wrapped(_ text: String, prefix: String, width: Int = 96) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, prefix.count + line.count + word.count + 1 > width {
        lines.append(prefix + line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    lines.append(prefix + line)
    return lines
  }
}
