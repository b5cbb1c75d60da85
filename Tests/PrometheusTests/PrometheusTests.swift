import Prometheus
import Testing

/// What is counted, and how it is written.
struct PrometheusTests {
  private func text(
    _ families: any MetricFamily..., as format: Exposition.Format = .text
  ) -> String {
    var exposition = Exposition(format)
    for family in families { family.write(to: &exposition) }
    return exposition.text
  }

  @Test func aCounterWithoutLabelsStartsAtZero() {
    let counter = CounterFamily("a_total", "Things.")
    #expect(text(counter) == "# HELP a_total Things.\n# TYPE a_total counter\na_total 0\n")
    counter.add()
    counter.add(0.25)
    #expect(text(counter).hasSuffix("\na_total 1.25\n"))
  }

  @Test func aCounterWithoutKnownSeriesIsAbsentUntilItsFirstAmount() {
    let counter = CounterFamily("a_total", "Things.", known: [])
    #expect(text(counter).hasSuffix("counter\n"))
    counter.add(0)
    #expect(text(counter).hasSuffix("\na_total 0\n"))
  }

  /// 0.1 + 0.2 is not 0.3.
  @Test func partsOfAUnitAreAddedWithoutARoundingError() {
    let counter = CounterFamily("a_dollars_total", "Money.", parts: 10)
    for amount in [1.0, 2, 3] { counter.add(amount) }
    #expect(text(counter).hasSuffix("\na_dollars_total 0.6\n"))
  }

  @Test func invalidAmountsAreNotCounted() {
    let counter = CounterFamily("a_total", "Things.")
    for amount in [-1, Double.nan, Double.infinity, -Double.infinity] { counter.add(amount) }
    #expect(text(counter).hasSuffix("\na_total 0\n"))
    let histogram = HistogramFamily("a_seconds", "Times.", bounds: [1])
    for value in [Double.nan, Double.infinity] { histogram.observe(value) }
    #expect(text(histogram).hasSuffix("\na_seconds_sum 0\na_seconds_count 0\n"))
  }

  @Test func seriesAreInTheOrderOfTheirLabels() {
    let counter = CounterFamily(
      "a_total", "Things.", labels: ["kind", "state"], known: [["b", "x"]])
    counter.add(2, ["b", "w"])
    counter.add(3, ["a", "z"])
    #expect(
      text(counter).hasSuffix(
        """
        counter
        a_total{kind="a",state="z"} 3
        a_total{kind="b",state="w"} 2
        a_total{kind="b",state="x"} 0

        """))
  }

  @Test func labelsAndHelpAreEscaped() {
    let counter = CounterFamily("a_total", "A \\ \"b\"\nc.", labels: ["name"])
    counter.add(1, ["a\\b\"c\nd"])
    let sample = #"a_total{name="a\\b\"c\nd"} 1"#
    #expect(text(counter).contains(#"# HELP a_total A \\ "b"\nc."#))
    #expect(text(counter).hasSuffix("\n\(sample)\n"))
    #expect(text(counter, as: .openMetrics).contains(#"# HELP a A \\ \"b\"\nc."#))
  }

  /// A value equal to a bound is in its bucket; buckets are cumulative.
  @Test func aHistogramHasCumulativeBuckets() {
    let histogram = HistogramFamily("a_seconds", "Times.", bounds: [0.5, 1, 2.5])
    for value in [0.5, 0.75, 1, 3, -2] { histogram.observe(value) }
    #expect(
      text(histogram) == """
        # HELP a_seconds Times.
        # TYPE a_seconds histogram
        a_seconds_bucket{le="0.5"} 2
        a_seconds_bucket{le="1.0"} 4
        a_seconds_bucket{le="2.5"} 4
        a_seconds_bucket{le="+Inf"} 5
        a_seconds_sum 5.25
        a_seconds_count 5

        """)
  }

  @Test func durationsAreSeconds() {
    let histogram = HistogramFamily("a_seconds", "Times.", bounds: [1], labels: ["of"])
    histogram.observe(.milliseconds(1250), ["it"])
    #expect(text(histogram).contains("\na_seconds_sum{of=\"it\"} 1.25\n"))
  }

  @Test func theNumberOfSeriesIsLimited() {
    let counter = CounterFamily("a_total", "Things.", labels: ["name"])
    for number in 0..<1500 { counter.add(1, ["n\(number)"]) }
    counter.add(1, ["n0"])
    let lines = text(counter).split(separator: "\n").dropFirst(2)
    #expect(lines.count == 1001)
    #expect(lines.contains("a_total{name=\"n0\"} 2"))
    #expect(lines.contains("a_total{name=\"other\"} 500"))
  }

  @Test func concurrentAmountsAreAllCounted() async {
    let counter = CounterFamily("a_total", "Things.", labels: ["name"])
    let histogram = HistogramFamily("a_seconds", "Times.", bounds: [1])
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<1000 {
            counter.add(1, ["x"])
            histogram.observe(0.5)
          }
        }
      }
    }
    #expect(text(counter).contains("\na_total{name=\"x\"} 8000\n"))
    #expect(text(histogram).contains("\na_seconds_sum 4000\na_seconds_count 8000\n"))
  }

  @Test func openMetricsNamesCounterFamiliesWithoutSuffixAndEnds() {
    let counter = CounterFamily("a_total", "Things.")
    #expect(
      text(counter, as: .openMetrics)
        == "# HELP a Things.\n# TYPE a counter\na_total 0\n# EOF\n")
  }

  @Test func unknownValuesAreAbsent() {
    var exposition = Exposition(.text)
    exposition.write(.gauge, "a_bytes", "Bytes.", nil)
    #expect(exposition.text.isEmpty)
    exposition.write(.gauge, "a_bytes", "Bytes.", 1_700_000_000.5)
    #expect(exposition.text.hasSuffix("\na_bytes 1700000000.5\n"))
  }

  @Test func theClientChoosesTheFormat() {
    func format(_ accept: String?) -> Exposition.Format { Exposition.Format(accept: accept) }
    #expect(format(nil) == .text)
    #expect(format("*/*") == .text)
    #expect(format("text/plain;version=0.0.4;q=0.5,*/*;q=0.1") == .text)
    #expect(
      format("application/openmetrics-text;version=1.0.0;q=0.5, text/plain;q=0.3") == .openMetrics)
    #expect(format("text/html, application/openmetrics-text ; version=1.0.0") == .openMetrics)
  }
}
