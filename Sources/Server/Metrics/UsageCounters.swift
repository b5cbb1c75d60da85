import Domain
import Prometheus

/// Counters of what agents reported. A figure that nobody has reported has no series.
struct UsageCounters: Sendable {
  private let tokens: CounterFamily
  private let cost: CounterFamily

  /// - Parameters:
  ///   - scope: the end of the sentences about them.
  ///   - labels: of both; tokens also have their kind.
  init(_ tokens: String, _ cost: String, _ scope: String, labels: [String] = []) {
    self.tokens = CounterFamily(
      tokens, "Tokens that agents reported, \(scope) and by kind.", labels: labels + ["kind"],
      known: [])
    self.cost = CounterFamily(
      cost, "US dollars that agents reported, \(scope).", labels: labels,
      parts: UsageFigure.cost.scale, known: [])
  }

  var families: [any MetricFamily] { [tokens, cost] }

  /// Adds a number, in the unit of `UsageFigure.field`; nil if it is unknown.
  func add(_ value: Int64?, of figure: UsageFigure, _ labels: [String] = []) {
    guard let value else { return }
    switch figure {
    case .inputTokens: tokens.add(Double(value), labels + ["input"])
    case .outputTokens: tokens.add(Double(value), labels + ["output"])
    case .cachedTokens: tokens.add(Double(value), labels + ["cached"])
    case .cost: cost.add(Double(value), labels)
    case .credits: break
    }
  }
}
