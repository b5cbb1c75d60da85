import EventLog

/// A value for each stream. It is found by the store's number of the stream, which needs no
/// hashing, or by name if the number is not known or not plausible.
struct StreamTable<Value: Sendable>: Sendable {
  private let missing: Value
  /// By number.
  private var row: [Value] = []
  private var rest: [StreamKey: Value] = [:]

  /// - Parameter missing: the value of streams without a value of their own.
  init(missing: Value) { self.missing = missing }

  /// How often a value was accessed for a change.
  private var changes: Int64 = 0

  /// Numbers are given one after another, each with its stream's first event. A number that is much
  /// larger than the number of events comes from a corrupt log; no memory is allocated for it.
  private static var slack: Int64 { 1024 }

  /// - Parameter number: the store's number of the stream; 0 if it has none.
  subscript(_ stream: StreamKey, _ number: Int64) -> Value {
    get {
      rest[stream] ?? (number > 0 && number < row.count ? row[Int(number)] : missing)
    }
    _modify {
      let missing = missing
      if let index = index(of: number, stream) {
        yield &row[index]
      } else {
        yield &rest[stream, default: missing]
      }
    }
  }

  /// Replaces a value.
  /// - Returns: the value before.
  mutating func exchange(_ value: Value, at stream: StreamKey, _ number: Int64) -> Value {
    func exchange(_ current: inout Value) -> Value {
      defer { current = value }
      return current
    }
    return exchange(&self[stream, number])
  }

  /// The index of the stream's value in `row`, which grows if needed; nil if the number is not
  /// plausible.
  private mutating func index(of number: Int64, _ stream: StreamKey) -> Int? {
    changes += 1
    guard number > 0, number < row.count || number <= changes + Self.slack else { return nil }
    while row.count <= number { row.append(missing) }
    // Moves what was set by name before the number was plausible.
    if !rest.isEmpty, let known = rest.removeValue(forKey: stream) { row[Int(number)] = known }
    return Int(number)
  }
}
