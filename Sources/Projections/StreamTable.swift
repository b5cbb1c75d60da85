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

  /// Numbers are given one after another; of a hurt log, or one without numbers, none is believed.
  private static var stepMax: Int { 1 << 16 }

  /// - Parameter number: the store's; 0 where there is none.
  subscript(_ stream: StreamKey, _ number: Int64) -> Value {
    get { number > 0 && number < row.count ? row[Int(number)] : rest[stream] ?? missing }
    _modify {
      let missing = missing
      if let place = place(of: number) {
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
  private mutating func place(of number: Int64) -> Int? {
    guard number > 0, number < row.count + Self.stepMax else { return nil }
    while row.count <= number { row.append(missing) }
    return Int(number)
  }
}
