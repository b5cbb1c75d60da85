/// Masks known values in a stream of bytes. It keeps back only bytes that could begin a known
/// value, which are rare, so a response that is sent event by event passes event by event.
package struct StreamMask: Sendable {
  private let search: SecretSearch
  private var pending: [UInt8] = []

  /// Whether a value was found so far.
  package private(set) var isFound = false

  /// - Parameter search: of known values; shapes are not supported across pieces.
  package init(_ search: SecretSearch) { self.search = search }

  /// - Returns: the bytes that can be passed on now: all bytes so far, less those that were
  ///   returned before and those that are kept back.
  package mutating func pass(_ piece: some Sequence<UInt8>) -> [UInt8] {
    var bytes = pending
    bytes.append(contentsOf: piece)
    for range in search.ranges(in: bytes) {
      isFound = true
      for index in range { bytes[index] = UInt8(ascii: "*") }
    }
    let start = search.beginning(atEndOf: bytes)
    pending = Array(bytes[start...])
    bytes.removeSubrange(start...)
    return bytes
  }

  /// The bytes that were kept back, at the end of the body.
  package mutating func finish() -> [UInt8] {
    defer { pending = [] }
    return pending
  }
}
