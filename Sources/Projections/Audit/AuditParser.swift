import Domain
import EventLog
import NetworkRules
import Text

extension AuditQuery {
  /// The keys of the language, in the order of the help.
  package static let keys = [
    "repo", "pr", "id", "code", "branch", "type", "actor", "worker", "agent", "sha", "since",
    "until", "position", "refused", "follows", "state", "age", "stuck",
  ]
  /// The most terms of a query.
  package static let termsMax = 32

  /// Reads a query; an empty query matches every event.
  /// - Parameter now: the reference of time spans such as `24h`.
  /// - Throws: `AuditFault` with the position of the invalid term.
  package init(_ text: String, now: Timestamp) throws(AuditFault) {
    var terms: [Term] = []
    var scanner = AuditScanner(text)
    while let word = try scanner.next() {
      guard terms.count < Self.termsMax else {
        throw AuditFault(
          term: word.text, column: word.column, message: "at most \(Self.termsMax) terms")
      }
      let reader = AuditTermReader(word: word, now: now)
      terms.append(Term(condition: try reader.condition(), isNegated: word.isNegated))
    }
    self.init(terms: terms, now: now)
  }
}

/// A term as written in the text.
private struct AuditWord {
  var text: String
  /// In characters from 1.
  var column: Int
  var isNegated: Bool
  /// Before the colon; nil for free text.
  var key: String?
  var value: String
}

/// Splits a query into its terms: blanks separate them, quotes keep a text together, and `\`
/// escapes a quote or itself.
private struct AuditScanner {
  private var rest: Substring
  private let text: String

  init(_ text: String) {
    self.text = text
    rest = text[...]
  }

  private func column(_ index: Substring.Index) -> Int {
    text.distance(from: text.startIndex, to: index) + 1
  }

  mutating func next() throws(AuditFault) -> AuditWord? {
    rest = rest.drop(while: \.isWhitespace)
    guard !rest.isEmpty else { return nil }
    let start = rest.startIndex
    let isNegated = rest.first == "-" && rest.count > 1
    if isNegated { rest.removeFirst() }
    var key: String?
    let name = rest.prefix { $0.isASCII && $0.isLetter }
    if !name.isEmpty, name.endIndex < rest.endIndex, rest[name.endIndex] == ":" {
      key = name.lowercased()
      rest = rest[rest.index(after: name.endIndex)...]
    }
    let value = try value(from: start)
    return AuditWord(
      text: String(text[start..<rest.startIndex]), column: column(start), isNegated: isNegated,
      key: key, value: value)
  }

  private mutating func value(from start: Substring.Index) throws(AuditFault) -> String {
    guard rest.first == "\"" else {
      let value = rest.prefix { !$0.isWhitespace }
      rest = rest[value.endIndex...]
      return String(value)
    }
    rest.removeFirst()
    var value = ""
    while let character = rest.popFirst() {
      switch character {
      case "\"": return value
      case "\\": value.append(rest.popFirst() ?? "\\")
      case _: value.append(character)
      }
    }
    throw AuditFault(
      term: String(text[start...]), column: column(start), message: "the quote is not closed")
  }
}

/// Reads the condition of one term.
private struct AuditTermReader {
  let word: AuditWord
  let now: Timestamp

  func condition() throws(AuditFault) -> AuditQuery.Condition {
    let value = word.value
    guard let key = word.key else { return .words(DelegationFilter.folded(value)) }
    guard AuditQuery.keys.contains(key) else {
      throw fault(
        "\(key): is no key; \(Spelling.hint(for: key, in: AuditQuery.keys)) Or quote the text to "
          + "look for it as it is")
    }
    guard !value.isEmpty else { throw fault("write a value after \(key):") }
    switch key {
    case "repo":
      guard RepositoryName(value) != nil else { throw fault("write OWNER/REPO") }
      return .repository(value)
    case "pr": return try pullRequest()
    case "id": return .id(value.lowercased())
    case "code":
      guard let stamp = Stamp(confirmationCode: value) else {
        throw fault("write a confirmation code such as PR1733356800123")
      }
      return .stamp(stamp.milliseconds)
    case "branch": return .branch(value)
    case "type": return .type(try types())
    case "actor": return .actor(value)
    case "worker": return .worker(value)
    case "agent": return .agent(value)
    case "sha":
      let digits = value.lowercased()
      guard (4...64).contains(digits.count), digits.allSatisfy({ $0.isASCII && $0.isHexDigit })
      else { throw fault("write four or more digits of a commit") }
      return .sha(prefix: digits)
    case "since": return .time(try span(opening: .atLeast, moment))
    case "until": return .time(try span(opening: .atMost, lastMoment))
    case "position": return .position(try span(opening: .exactly, number))
    case "refused": return .refused(try host())
    case "follows":
      guard UUIDText.decode(value) != nil else {
        throw fault("write the id of a delegation, as aipm show prints it")
      }
      return .follows(DelegationID(value.lowercased()))
    case "state": return .state(try state())
    case "age": return .age(try span(opening: .atLeast, duration))
    case _:
      guard let isWanted = ["yes": true, "no": false][value] else { throw fault("write yes or no") }
      return .stuck(isWanted)
    }
  }

  private func fault(_ message: String) -> AuditFault {
    AuditFault(term: word.text, column: word.column, message: message)
  }

  /// A host's name, in lower case.
  private func host() throws(AuditFault) -> String {
    do throws(NetworkFault) {
      return try HostName(word.value).text
    } catch {
      throw fault("\(error)")
    }
  }

  private func pullRequest() throws(AuditFault) -> AuditQuery.Condition {
    let parts = word.value.split(separator: "#", omittingEmptySubsequences: false)
    guard let last = parts.last, let number = Int64(last), number > 0, parts.count <= 2 else {
      throw fault("write a number, or OWNER/REPO#NUMBER")
    }
    guard parts.count == 2, !parts[0].isEmpty else {
      return .pullRequest(repository: nil, number: number)
    }
    guard RepositoryName(String(parts[0])) != nil else {
      throw fault("write a number, or OWNER/REPO#NUMBER")
    }
    return .pullRequest(repository: String(parts[0]), number: number)
  }

  /// By the whole name, or by the part after the dot.
  private func types() throws(AuditFault) -> Set<EventType> {
    let found = EventType.allCases.filter {
      $0.name == word.value || $0.name.split(separator: ".").last.map(String.init) == word.value
    }
    guard !found.isEmpty else {
      let names = EventType.allCases.map(\.name)
      let lastParts = names.map { String($0.split(separator: ".").last ?? "") }
      let near = Spelling.nearest(to: word.value, in: names + lastParts)
      let meant = names.first { $0 == near || $0.hasSuffix(".\(near ?? "-")") }
      let hint = meant.map { "did you mean \"\($0)\"?" }
      throw fault(
        "there is no such type; \(hint ?? "there are \(names.joined(separator: ", "))")")
    }
    return Set(found)
  }

  private func state() throws(AuditFault) -> DelegationStateName {
    let wanted = word.value.lowercased()
    guard
      let known = DelegationStateName.allCases.first(where: { $0.rawValue.lowercased() == wanted })
    else {
      let names = DelegationStateName.allCases.map(\.rawValue)
      let near = Spelling.nearest(to: word.value, in: names)
      throw fault(
        "there is no such state; "
          + (near.map { "did you mean \"\($0)\"?" }
            ?? "write one of \(names.joined(separator: ", "))"))
    }
    return known
  }

  // MARK: Spans

  private enum Opening { case atLeast, atMost, exactly }

  private func span(
    opening: Opening, _ read: (String) throws(AuditFault) -> Int64
  ) throws(AuditFault) -> AuditQuery.Span {
    let value = word.value
    if let dots = value.firstRange(of: "..") {
      let (from, to) = (value[..<dots.lowerBound], value[dots.upperBound...])
      guard !(from.isEmpty && to.isEmpty) else { throw fault("write a bound before or after ..") }
      var span = AuditQuery.Span()
      if !from.isEmpty { span.lower = try read(String(from)) }
      if !to.isEmpty { span.upper = try read(String(to)) }
      if let lower = span.lower, let upper = span.upper, lower > upper {
        throw fault("it ends before it begins")
      }
      return span
    }
    if value.hasPrefix(">=") { return .init(lower: try read(String(value.dropFirst(2)))) }
    if value.hasPrefix("<=") { return .init(upper: try read(String(value.dropFirst(2)))) }
    if value.hasPrefix(">") {
      let bound = try read(String(value.dropFirst()))
      return .init(lower: bound == .max ? bound : bound + 1)
    }
    if value.hasPrefix("<") {
      let bound = try read(String(value.dropFirst()))
      return .init(upper: bound == .min ? bound : bound - 1)
    }
    let bound = try read(value)
    switch opening {
    case .atLeast: return .init(lower: bound)
    case .atMost: return .init(upper: bound)
    case .exactly: return .init(lower: bound, upper: bound)
    }
  }

  private func number(_ text: String) throws(AuditFault) -> Int64 {
    guard let n = Int64(text), n >= 0 else { throw fault("write a position, such as 42") }
    return n
  }

  /// A time, or a span before now.
  private func moment(_ text: String) throws(AuditFault) -> Int64 {
    if let time = Timestamp(iso8601: text) { return time.milliseconds }
    if let ago = TimeSpan.milliseconds(text) { return now.milliseconds - ago }
    throw fault("write a time such as 2026-11-23T12:00:00Z, a day, or a span such as 24h")
  }

  /// The same; for a day, its end.
  private func lastMoment(_ text: String) throws(AuditFault) -> Int64 {
    let isDay = !text.contains("T") && Timestamp(iso8601: text) != nil
    return try moment(text) + (isDay ? 86_400_000 - 1 : 0)
  }

  private func duration(_ text: String) throws(AuditFault) -> Int64 {
    guard let span = TimeSpan.milliseconds(text) else {
      throw fault("write a span such as 30s, 10m, 24h or 7d")
    }
    return span
  }
}
