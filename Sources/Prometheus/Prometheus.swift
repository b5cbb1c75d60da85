// Counters and histograms in memory, and the text formats in which Prometheus reads them.
//
// Purpose: a part of the server counts what it does, and a scrape writes all values as text. A
// value that exists elsewhere, such as the length of a queue, is read at the scrape and written as
// a gauge. The packages for Swift define counters but write no text, so this module is small and
// complete instead of a layer above them.
//
// Guarantees: counting takes one lock and one look-up, and no I/O. The number of series of a
// family is limited: beyond `SeriesTable.most` new combinations of labels count as one, in which
// each label is "other". A histogram's buckets, sum and count are of one moment. The same values
// give the same text, in the order of the labels.
//
// The formats are https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4) and
// https://prometheus.io/docs/specs/om/open_metrics_spec/ (1.0.0).
//
// Failures: there are no errors. A number that is not finite, or an amount below zero, is not
// counted.

import Synchronization

/// A metric with its values.
package protocol MetricFamily: Sendable {
  /// Writes the current values.
  func write(to exposition: inout Exposition)
}

/// The values of one family by the values of its labels.
struct SeriesTable<Value: Sendable>: Sendable {
  /// The most combinations of labels.
  static var most: Int { 1000 }

  private(set) var values: [[String]: Value] = [:]

  /// Changes the value of a series, which begins as `first`.
  mutating func change(_ labels: [String], from first: Value, _ body: (inout Value) -> Void) {
    var key = labels
    if values[labels] == nil, values.count >= Self.most {
      key = labels.map { _ in "other" }
    }
    body(&values[key, default: first])
  }

  /// The series in the order of their labels.
  var sorted: [(labels: [String], value: Value)] {
    values.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { ($0.key, $0.value) }
  }
}

/// A metric that only rises.
package final class CounterFamily: MetricFamily {
  private let name: String
  private let help: String
  private let labels: [String]
  private let parts: Double
  private let series: Mutex<SeriesTable<Double>>

  /// - Parameters:
  ///   - name: ends in `_total`.
  ///   - help: one sentence.
  ///   - labels: the names of the labels.
  ///   - parts: how many units of `add` one unit of the metric has. Whole numbers are added without
  ///     a rounding error; so the sum does not depend on their order, and a sum that is counted
  ///     again is not smaller, which would look like a reset.
  ///   - known: the values of the labels of the series that start at zero; others appear with
  ///     their first amount. nil: the only series if there are no labels, otherwise none of them.
  package init(
    _ name: String, _ help: String, labels: [String] = [], parts: Int64 = 1,
    known: [[String]]? = nil
  ) {
    self.name = name
    self.help = help
    self.labels = labels
    self.parts = Double(parts)
    var table = SeriesTable<Double>()
    for values in known ?? (labels.isEmpty ? [[]] : []) { table.change(values, from: 0) { _ in } }
    series = Mutex(table)
  }

  /// Adds an amount, which is ignored if it is below zero or not finite.
  /// - Parameter values: one for each label.
  package func add(_ amount: Double = 1, _ values: [String] = []) {
    precondition(values.count == labels.count, "\(name) has \(labels.count) labels")
    guard amount.isFinite, amount >= 0 else { return }
    series.withLock { $0.change(values, from: 0) { $0 += amount } }
  }

  /// See `MetricFamily`.
  package func write(to exposition: inout Exposition) {
    exposition.begin(.counter, name, help)
    for (values, value) in series.withLock({ $0.sorted }) {
      exposition.sample(name, Array(zip(labels, values)), value / parts)
    }
  }
}

/// A distribution of values in fixed buckets.
package final class HistogramFamily: MetricFamily {
  private struct Distribution: Sendable {
    /// Not cumulative; the last one has no upper bound.
    var buckets: [UInt64]
    var sum = 0.0
  }

  private let name: String
  private let help: String
  private let labels: [String]
  private let bounds: [Double]
  private let series: Mutex<SeriesTable<Distribution>>

  /// - Parameters:
  ///   - name: ends in the unit.
  ///   - help: one sentence.
  ///   - bounds: the upper bounds of the buckets, rising; the last bucket has none.
  ///   - labels: the names of the labels.
  package init(_ name: String, _ help: String, bounds: [Double], labels: [String] = []) {
    self.name = name
    self.help = help
    self.bounds = bounds
    self.labels = labels
    var table = SeriesTable<Distribution>()
    if labels.isEmpty { table.change([], from: Self.empty(bounds)) { _ in } }
    series = Mutex(table)
  }

  private static func empty(_ bounds: [Double]) -> Distribution {
    Distribution(buckets: Array(repeating: 0, count: bounds.count + 1))
  }

  /// Counts a value. One below zero, such as a time by a clock that was set back, counts as zero.
  /// - Parameter values: one for each label.
  package func observe(_ value: Double, _ values: [String] = []) {
    precondition(values.count == labels.count, "\(name) has \(labels.count) labels")
    guard value.isFinite else { return }
    let value = max(0, value)
    let index = bounds.firstIndex { value <= $0 } ?? bounds.count
    series.withLock {
      $0.change(values, from: Self.empty(bounds)) {
        $0.buckets[index] += 1
        $0.sum += value
      }
    }
  }

  /// Counts a time in seconds.
  package func observe(_ time: Duration, _ values: [String] = []) {
    let (seconds, attoseconds) = time.components
    observe(Double(seconds) + Double(attoseconds) / 1e18, values)
  }

  /// See `MetricFamily`.
  package func write(to exposition: inout Exposition) {
    exposition.begin(.histogram, name, help)
    for (values, distribution) in series.withLock({ $0.sorted }) {
      let own = Array(zip(labels, values))
      var count: UInt64 = 0
      for (index, bucket) in distribution.buckets.enumerated() {
        count += bucket
        let bound = index < bounds.count ? bounds[index].description : "+Inf"
        exposition.sample("\(name)_bucket", own + [("le", bound)], Double(count))
      }
      exposition.sample("\(name)_sum", own, distribution.sum)
      exposition.sample("\(name)_count", own, Double(count))
    }
  }
}
