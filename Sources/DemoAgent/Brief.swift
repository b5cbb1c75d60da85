/// What a prompt asks for.
struct Brief: Equatable {
  /// One acceptance criterion, and the function that is going to stand for it.
  struct Criterion: Equatable {
    var text: String
    var name: Name
  }

  var objective: String
  /// One line, empty where there are none.
  var constraints: String
  /// What the comment on the whole module says.
  var paragraphs: [String] {
    constraints.isEmpty ? [objective] : [objective, "Constraints: \(constraints)"]
  }
  /// At least one; without criteria, the objective is the only one.
  var criteria: [Criterion]
  /// What the module is called.
  var name: Name

  /// More make no better module.
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
      let name = Name(of: text, wordsMax: 6, or: "criterion").free(among: taken)
      taken.insert(name.key)
      return Criterion(text: text, name: name)
    }
  }

  /// Parts a prompt at its headings. A heading is a whole line or begins one; of several of the
  /// last kind the last counts, for the objective before it is the user's own text.
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

/// Texts of users as they may stand in a comment of any language.
enum PlainText {
  static let lengthMax = 400

  /// One line without control characters and without those that turn the direction of writing;
  /// blanks are single; what is too long is cut.
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

  /// Paragraphs in wrapped lines, an empty one between two.
  static func wrapped(
    paragraphs: [String], prefix: String, width: Int = 96
  ) -> [String] {
    let blank = String(prefix.reversed().drop { $0 == " " }.reversed())
    return Array(
      paragraphs.map { wrapped($0, prefix: prefix, width: width) }.joined(separator: [blank]))
  }

  /// A text in lines of at most `width` scalars, each behind `prefix`; words are kept whole where
  /// they are not longer than a line.
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
