/// The text of a scrape, written family by family.
package struct Exposition: Sendable {
  /// The text formats.
  package enum Format: CaseIterable, Sendable {
    case text, openMetrics

    /// The format that a client asks for.
    /// - Parameter accept: the header field `Accept`; nil if absent.
    package init(accept: String?) {
      let types = (accept ?? "").lowercased().split(separator: ",").map { part in
        (part.split(separator: ";").first ?? "").filter { $0 != " " }
      }
      self = types.contains(Self.openMetrics.mediaType) ? .openMetrics : .text
    }

    /// Without parameters.
    package var mediaType: String {
      switch self {
      case .text: "text/plain"
      case .openMetrics: "application/openmetrics-text"
      }
    }

    /// The header field `Content-Type`.
    package var contentType: String {
      switch self {
      case .text: "\(mediaType); version=0.0.4; charset=utf-8"
      case .openMetrics: "\(mediaType); version=1.0.0; charset=utf-8"
      }
    }
  }

  /// The types of metrics.
  package enum Kind: String, Sendable {
    case counter, gauge, histogram
  }

  /// The labels and the value of one series.
  package typealias Sample = (labels: [(String, String)], value: Double)

  package let format: Format
  private var written = ""

  package init(_ format: Format) { self.format = format }

  /// Begins a family. Its samples follow.
  /// - Parameters:
  ///   - name: of the family; the name of a counter ends in `_total`.
  ///   - help: one sentence.
  package mutating func begin(_ kind: Kind, _ name: String, _ help: String) {
    // In OpenMetrics the suffix belongs to the sample.
    let family =
      format == .openMetrics && kind == .counter && name.hasSuffix("_total")
      ? String(name.dropLast("_total".count)) : name
    written += "# HELP \(family) \(Self.escaped(help, quotes: format == .openMetrics))\n"
    written += "# TYPE \(family) \(kind.rawValue)\n"
  }

  /// Writes a sample of the family that was begun last.
  package mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: Double) {
    written += name
    if !labels.isEmpty {
      let pairs = labels.map { "\($0)=\"\(Self.escaped($1, quotes: true))\"" }
      written += "{\(pairs.joined(separator: ","))}"
    }
    written += " \(Self.number(value))\n"
  }

  /// Writes a family of gauges or counters with its values.
  package mutating func write(
    _ kind: Kind, _ name: String, _ help: String, _ samples: [Sample]
  ) {
    begin(kind, name, help)
    for one in samples { sample(name, one.labels, one.value) }
  }

  /// Writes a family with one value; a value that is nil is unknown, and nothing is written.
  package mutating func write(_ kind: Kind, _ name: String, _ help: String, _ value: Double?) {
    if let value { write(kind, name, help, [([], value)]) }
  }

  /// The whole text.
  package var text: String { format == .openMetrics ? written + "# EOF\n" : written }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\"" where quotes: out += "\\\""
      case _: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    // Whole numbers up to 2^53 are exact.
    if value == value.rounded(), abs(value) < 9_007_199_254_740_992 { return "\(Int64(value))" }
    return value.description
  }
}
