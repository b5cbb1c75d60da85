import EventLog

/// Values by streams, of which most events name one: by the store's number of the stream where it
/// is known and sensible, which needs no hashing, else by name.
struct StreamTable<Value: Sendable>: Sendable {
  private let missing: Value
  /// By number.
  private var row: [Value] = []
  private var rest: [StreamKey: Value] = [:]

  /// - Parameter missing: what stands for a stream that nothing was put in for.
  init(missing: Value) { self.missing = missing }

  /// How often a value was asked for to be changed.
  private var asked: Int64 = 0

  /// Numbers are given one after another, each with its stream's first event: one that is larger
  /// than there were events, give or take a few, is that of a hurt log, and no room is made for it.
  private static var slack: Int64 { 1024 }

  /// - Parameter number: the store's; 0 where there is none.
  subscript(_ stream: StreamKey, _ number: Int64) -> Value {
    get {
      rest[stream] ?? (number > 0 && number < row.count ? row[Int(number)] : missing)
    }
    _modify {
      let missing = missing
      if let place = place(of: number, stream) {
        yield &row[place]
      } else {
        yield &rest[stream, default: missing]
      }
    }
  }

  /// Puts a value in another's place.
  /// - Returns: the other.
  mutating func exchange(_ value: Value, at stream: StreamKey, _ number: Int64) -> Value {
    func exchange(_ place: inout Value) -> Value {
      defer { place = value }
      return place
    }
    return exchange(&self[stream, number])
  }

  /// Where the stream's value stands in the row, which is made long enough; nil where its number is
  /// no use.
  private mutating func place(of number: Int64, _ stream: StreamKey) -> Int? {
    asked += 1
    guard number > 0, number < row.count || number <= asked + Self.slack else { return nil }
    while row.count <= number { row.append(missing) }
    // What was put in before its number was believed goes with it.
    if !rest.isEmpty, let known = rest.removeValue(forKey: stream) { row[Int(number)] = known }
    return Int(number)
  }
}
