import Domain
import EventLog
import HTTPTypes
import Hummingbird
import Text

/// A parameter of an operation, with its valid values.
struct Parameter: Sendable {
  /// The part of a request that contains it.
  enum Location: String { case query, path, header }

  /// The values that are accepted.
  enum Kind: Sendable {
    case integer(ClosedRange<Int64>)
    /// One of these strings, in any case.
    case word([String])
    /// Several of these, in any case, separated by commas or in several parameters.
    case words([String])
    /// `1`, `true`, `0` or `false`.
    case flag
    /// A number that the server issued; groups of digits may be separated by dots.
    case digits(groups: Int)
    /// Checked by the route, if at all.
    case text(JSONSchema)
  }

  var name: String
  var location = Location.query
  var kind: Kind
  var description: String
  var isRequired = false
  var example: JSONValue?
  /// The default.
  var defaultValue: JSONValue?

  /// Whether a request with an invalid value is refused with 422. An invalid value in a path gives
  /// 404.
  var canBeWrong: Bool { location != .path }

  private static let flagWords = ["1", "true", "0", "false"]
  private static let digitsMax = 18

  var schema: JSONSchema {
    let schema: JSONSchema =
      switch kind {
      case .integer(let range): .integer(range)
      case .word(let words): .word(words)
      case .words(let words): .list(.word(words))
      case .flag: .word(Self.flagWords)
      case .digits(let groups): .text(pattern(groups))
      case .text(let schema): schema
      }
    return defaultValue.map { schema.byDefault($0) } ?? schema
  }

  private func pattern(_ groups: Int) -> String {
    let group = "[0-9]{1,\(Self.digitsMax)}"
    let digits = Array(repeating: group, count: groups).joined(separator: "\\.")
    return location == .header ? "^(\(digits))?$" : "^\(digits)$"
  }

  /// Its values in a request; empty if it is absent. Values in a path are looked up, not checked.
  func values(of request: Request) -> [String] {
    switch location {
    case .path: []
    case .query: request.texts(name)
    case .header: HTTPField.Name(name).map { request.headers[values: $0] } ?? []
    }
  }

  /// The error in a value; nil if it is valid.
  func fault(in value: String) -> String? {
    switch kind {
    case .integer(let range):
      let isWithin = Int64(value).map { range.contains($0) } ?? false
      return isWithin
        ? nil : "write a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .word(let words): return Self.fault(value, words)
    case .words(let words):
      return value.split(separator: ",").lazy.compactMap { Self.fault(String($0), words) }.first
    case .flag:
      return Self.flagWords.contains(value) ? nil : "write 1 or 0"
    case .digits(let groups):
      // An empty header field counts as absent.
      if value.isEmpty, location == .header { return nil }
      let parts = value.split(separator: ".", omittingEmptySubsequences: false)
      let fits = parts.allSatisfy {
        (1...Self.digitsMax).contains($0.utf8.count)
          && $0.utf8.allSatisfy { (48...57).contains($0) }
      }
      return parts.count == groups && fits ? nil : "write it as the server gave it"
    case .text: return nil
    }
  }

  private static func fault(_ value: String, _ words: [String]) -> String? {
    guard !words.contains(where: { $0.lowercased() == value.lowercased() }) else { return nil }
    return "there is no \"\(value.prefix(40))\"; \(Spelling.hint(for: value, in: words))"
  }
}

extension Parameter {
  /// The size of a page.
  static func limit(_ max: Int64, defaultValue: Int64) -> Parameter {
    Parameter(
      name: "limit", kind: .integer(1...max), description: "How many items a page has at most.",
      defaultValue: .integer(defaultValue))
  }

  static let cursor = Parameter(
    name: "cursor", kind: .digits(groups: 1),
    description: "The start of the page: `next` of the page before.")

  /// Identifies a delegation.
  static let ref = Parameter(
    name: "ref", location: .path, kind: .text(.text(length: 1...512)),
    description: "An id, a confirmation code such as `PR1733356800123`, or `OWNER/REPO#NUMBER`, "
      + "percent-encoded.", isRequired: true)

  static let attempt = Parameter(
    name: "attempt", kind: .integer(1...1_000_000),
    description: "The number of an attempt; without it, the last one.")

  static let idempotencyKey = Parameter(
    name: "Idempotency-Key", location: .header, kind: .text(.text(length: 1...255)),
    description: "The same key with the same body never makes a second delegation. With another "
      + "body the answer is 422.")
}
