import Domain

/// The sums of what agents reported. A sum is nil if no agent reported the number: unknown is not
/// zero.
package struct UsageTotals: Equatable, Sendable {
  private var inputTokens: Int64?
  private var outputTokens: Int64?
  private var cachedTokens: Int64?
  private var costMicrodollars: Int64?
  private var millicredits: Int64?

  /// As in every row that has them.
  static let columns: [Column<UsageTotals>] = [
    Column("inputTokens", \.inputTokens),
    Column("outputTokens", \.outputTokens),
    Column("cachedTokens", \.cachedTokens),
    Column("costMicrodollars", \.costMicrodollars),
    Column("millicredits", \.millicredits),
  ]

  package init() {}

  /// The sum in the unit of `UsageFigure.field`; nil if none reported it.
  package private(set) subscript(_ figure: UsageFigure) -> Int64? {
    get {
      switch figure {
      case .inputTokens: inputTokens
      case .outputTokens: outputTokens
      case .cachedTokens: cachedTokens
      case .cost: costMicrodollars
      case .credits: millicredits
      }
    }
    set {
      switch figure {
      case .inputTokens: inputTokens = newValue
      case .outputTokens: outputTokens = newValue
      case .cachedTokens: cachedTokens = newValue
      case .cost: costMicrodollars = newValue
      case .credits: millicredits = newValue
      }
    }
  }

  /// Adds what the agent of one attempt reported.
  mutating func add(_ usage: AgentUsage) {
    for figure in UsageFigure.allCases {
      if let value = usage[figure] { self[figure] = Self.sum(self[figure] ?? 0, value) }
    }
  }

  /// Adds other sums.
  mutating func add(_ other: UsageTotals) {
    for figure in UsageFigure.allCases {
      if let value = other[figure] { self[figure] = Self.sum(self[figure] ?? 0, value) }
    }
  }

  /// Adds a number that a worker reported. No report can overflow the sum or make it smaller.
  static func sum(_ sum: Int64, _ reported: Int64) -> Int64 {
    let (total, isTooLarge) = sum.addingReportingOverflow(max(0, reported))
    return isTooLarge ? .max : total
  }
}
