import Text
import Workflows

/// What an agent told of what it used.
struct AgentUsage: Equatable, Sendable {
  private(set) var figures: [UsageFigure: Double] = [:]

  /// More of anything is no figure but a mistake or a joke.
  private static let most = 1e15

  mutating func set(_ figure: UsageFigure, _ value: Double) {
    guard value.isFinite, value >= 0, value <= Self.most else { return }
    figures[figure] = value
  }

  mutating func add(_ figure: UsageFigure, _ value: Double) {
    set(figure, (figures[figure] ?? 0) + value)
  }

  /// Those of another round of work on top.
  mutating func add(_ other: AgentUsage) {
    for (figure, value) in other.figures { add(figure, value) }
  }

  /// Those of `other` in place of the ones here.
  mutating func take(_ other: AgentUsage) { figures.merge(other.figures) { _, new in new } }

  /// Such as `12,345 tokens in (of them 11,000 cached), 678 out, $0.0123`; nil where nothing is
  /// known.
  var words: String? {
    var parts: [String] = []
    switch (figures[.inputTokens], figures[.outputTokens]) {
    case (let input?, let output):
      let cached = figures[.cachedTokens].map { " (\(Self.whole($0)) cached)" } ?? ""
      parts.append("\(Self.whole(input)) tokens in\(cached)")
      if let output { parts.append("\(Self.whole(output)) out") }
    case (nil, let output?): parts.append("\(Self.whole(output)) tokens out")
    case (nil, nil): break
    }
    if let credits = figures[.credits] {
      parts.append("\(Self.decimal(credits, digits: 2)) credits")
    }
    if let cost = figures[.cost] { parts.append("$\(Self.decimal(cost, digits: 4))") }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  /// By the names that profiles use.
  var json: JSONValue {
    var members: [String: JSONValue] = [:]
    for (figure, value) in figures {
      members[figure.rawValue] = Int64(exactly: value).map { .integer($0) } ?? .number(value)
    }
    members["words"] = words.map { .string($0) }
    return .object(members)
  }

  private static func whole(_ value: Double) -> String {
    var digits = Array(String(Int(value.rounded())))
    var place = digits.count - 3
    while place > 0 {
      digits.insert(",", at: place)
      place -= 3
    }
    return String(digits)
  }

  private static func decimal(_ value: Double, digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int((min(value, 1e9) * scale).rounded())
    let fraction = String(scaled % Int(scale))
    let zeros = String(repeating: "0", count: digits - fraction.count)
    return "\(scaled / Int(scale)).\(zeros)\(fraction)"
  }
}
