// What an agent reported that it used in one attempt: tokens, money, credits.
//
// The numbers are as reported. An agent can write what it wants, and AIPM cannot check it. A number
// that is missing is unknown; it is never zero. A number that cannot be right (negative, or larger
// than `most`) is ignored.

/// One number of an agent's usage. Raw values are the names in workflow files.
package enum UsageFigure: String, CaseIterable, Sendable {
  /// As the agent counts them: some agents include cached tokens, some do not.
  case inputTokens = "input-tokens"
  case outputTokens = "output-tokens"
  /// Input tokens that came from a cache.
  case cachedTokens = "cached-tokens"
  /// Agents report US dollars. Stored in millionths.
  case cost
  /// Agents report credits. Stored in thousandths.
  case credits

  /// Its name in the API, the log and the worker protocol, with the unit of the stored integer.
  package var field: String {
    switch self {
    case .inputTokens: "inputTokens"
    case .outputTokens: "outputTokens"
    case .cachedTokens: "cachedTokens"
    case .cost: "costMicrodollars"
    case .credits: "millicredits"
    }
  }

  /// How many stored units one reported unit is.
  package var scale: Int64 {
    switch self {
    case .inputTokens, .outputTokens, .cachedTokens: 1
    case .cost: 1_000_000
    case .credits: 1000
    }
  }
}

/// The numbers of one attempt, in the units of `UsageFigure.field`; empty if nothing is known.
package struct AgentUsage: Equatable, Sendable {
  private var figures: [UsageFigure: Int64] = [:]

  /// A larger number is an error: a million dollars, or a million million tokens.
  package static let most: Int64 = 1_000_000_000_000

  package init() {}

  /// - Parameter figures: numbers out of range are ignored.
  package init(_ figures: [UsageFigure: Int64]) {
    for (figure, value) in figures { set(figure, value) }
  }

  package var isEmpty: Bool { figures.isEmpty }

  /// nil if unknown.
  package subscript(_ figure: UsageFigure) -> Int64? { figures[figure] }

  /// Replaces a number; ignores a value that is out of range.
  package mutating func set(_ figure: UsageFigure, _ value: Int64) {
    if (0...Self.most).contains(value) { figures[figure] = value }
  }

  /// Replaces a number by what an agent reported, in dollars, credits or tokens.
  package mutating func set(_ figure: UsageFigure, reported value: Double) {
    let scaled = (value * Double(figure.scale)).rounded()
    guard scaled.isFinite, abs(scaled) <= Double(Self.most) else { return }
    set(figure, Int64(scaled))
  }

  /// Adds what an agent reported for another part of its work.
  package mutating func add(_ figure: UsageFigure, reported value: Double) {
    var part = AgentUsage()
    part.set(figure, reported: value)
    add(part)
  }

  /// Adds the numbers of another part of the work.
  package mutating func add(_ other: AgentUsage) {
    for (figure, value) in other.figures { set(figure, (figures[figure] ?? 0) + value) }
  }

  /// What was used since an earlier total of the same count. A smaller number was counted from the
  /// beginning.
  package func since(_ earlier: AgentUsage) -> AgentUsage {
    var part = AgentUsage()
    for (figure, value) in figures {
      let before = earlier.figures[figure] ?? 0
      part.set(figure, value >= before ? value - before : value)
    }
    return part
  }

  /// Replaces the numbers that `other` has.
  package mutating func replace(by other: AgentUsage) {
    figures.merge(other.figures) { _, new in new }
  }

  /// One number for people, such as `$0.0123`; nil if it is unknown.
  package func text(of figure: UsageFigure) -> String? {
    guard let value = figures[figure] else { return nil }
    switch figure {
    case .inputTokens, .outputTokens, .cachedTokens: return Self.grouped(value)
    case .credits: return Self.decimal((value + 5) / 10, 2)
    case .cost: return "$\(Self.decimal((value + 50) / 100, 4))"
    }
  }

  /// For people, such as `12,345 tokens in (11,000 cached), 678 out, $0.0123`; nil if nothing is
  /// known.
  package var summary: String? {
    var parts: [String] = []
    switch (figures[.inputTokens], figures[.outputTokens]) {
    case (let input?, let output):
      let cached = figures[.cachedTokens].map { " (\(Self.grouped($0)) cached)" } ?? ""
      parts.append("\(Self.grouped(input)) tokens in\(cached)")
      if let output { parts.append("\(Self.grouped(output)) out") }
    case (nil, let output?): parts.append("\(Self.grouped(output)) tokens out")
    case (nil, nil): break
    }
    if let credits = text(of: .credits) { parts.append("\(credits) credits") }
    if let cost = text(of: .cost) { parts.append(cost) }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  private static func grouped(_ value: Int64) -> String {
    var digits = Array(String(value))
    for place in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: place) }
    return String(digits)
  }

  /// `value` with its last `digits` digits behind the point.
  private static func decimal(_ value: Int64, _ digits: Int) -> String {
    let text = String(value)
    let padded = String(repeating: "0", count: max(0, digits + 1 - text.utf8.count)) + text
    return "\(padded.dropLast(digits)).\(padded.suffix(digits))"
  }
}

extension DelegationEvent {
  /// What the agent of the attempt that this event ends reported; nil if it ends none.
  package var usage: AgentUsage? {
    switch self {
    case .generated(let event): event.usage
    case .released(let event): event.usage
    case .failed(let event): event.usage
    case .requested, .branchCreated, .taskCommitted, .pullRequestCreated, .dispatched, .generating,
      .pushed, .baseResolved, .stepFailed, .cancelRequested, .retryRequested, .pullRequestUpdated,
      .actionDone, .networkUsed, .conversation:
      nil
    }
  }
}

extension AgentUsage: Codable {
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ figure: UsageFigure) { stringValue = figure.field }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// Reads the numbers that are whole and in range. Others are unknown: what a worker reports is
  /// not trusted, and a wrong number must not lose the result that it comes with.
  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    for figure in UsageFigure.allCases {
      if let value = try? container.decode(Int64.self, forKey: Key(figure)) { set(figure, value) }
    }
  }

  /// Writes the numbers that are known.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    for (figure, value) in figures { try container.encode(value, forKey: Key(figure)) }
  }
}
