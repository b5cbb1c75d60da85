// Durations and sizes in text: `10m`, `16MiB`.

import Domain

/// Parses whole numbers with a unit, for the command line and definitions.
package enum Quantity {
  private static let timeUnits: [(suffix: String, size: Int64)] = [
    ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
  ]
  private static let sizeUnits: [(suffix: String, size: Int64)] = [
    ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1),
  ]

  /// What to write, for messages.
  package static let durationForm = "write a whole number and a unit: 500ms, 90s, 10m, 2h"
  /// What to write, for messages.
  package static let sizeForm = "write a whole number and a unit: 512KiB, 16MiB"

  /// `500ms`, `90s`, `10m`, `2h`, `1d`; nil if the text is invalid or too large.
  package static func duration(_ text: String) -> Milliseconds? {
    number(text, timeUnits).map { Milliseconds($0) }
  }

  /// `512KiB`, `16MiB`, `100B` in bytes; nil if the text is invalid or too large.
  package static func size(_ text: String) -> Int? { number(text, sizeUnits).map { Int($0) } }

  /// A duration in its largest whole unit: `10m`.
  package static func text(_ span: Milliseconds) -> String {
    let fitting = timeUnits.last { span.count > 0 && span.count % $0.size == 0 }
    guard let unit = fitting else { return "\(span.count)ms" }
    return "\(span.count / unit.size)\(unit.suffix)"
  }

  private static func number(
    _ text: String, _ units: [(suffix: String, size: Int64)]
  ) -> Int64? {
    for unit in units where text.hasSuffix(unit.suffix) {
      if let number = scaled(text.dropLast(unit.suffix.count), by: unit.size) { return number }
    }
    return nil
  }

  private static func scaled(_ number: Substring, by factor: Int64) -> Int64? {
    guard !number.isEmpty, number.utf8.allSatisfy({ (48...57).contains($0) }),
      let count = Int64(number)
    else { return nil }
    let (product, overflow) = count.multipliedReportingOverflow(by: factor)
    return overflow ? nil : product
  }
}
