/// Writes stars over known values in a body that comes in pieces. It keeps back only what could be
/// the beginning of one, which in ordinary text is nothing: what is sent event by event passes
/// event by event.
package struct StreamMask: Sendable {
  private let search: SecretSearch
  private var pending: [UInt8] = []

  /// Whether a value was found so far.
  package private(set) var isFound = false

  /// - Parameter search: of known values; shapes of credentials are not kept back for.
  package init(_ search: SecretSearch) { self.search = search }

  /// - Returns: what can be passed on now. Its bytes and those of the calls before are as many as
  ///   were given, less what is kept back.
  package mutating func pass(_ piece: some Sequence<UInt8>) -> [UInt8] {
    var bytes = pending
    bytes.append(contentsOf: piece)
    for range in search.ranges(in: bytes) {
      isFound = true
      for place in range { bytes[place] = UInt8(ascii: "*") }
    }
    let start = search.beginning(atEndOf: bytes)
    pending = Array(bytes[start...])
    bytes.removeSubrange(start...)
    return bytes
  }

  /// The rest, at the end of the body.
  package mutating func finish() -> [UInt8] {
    defer { pending = [] }
    return pending
  }
}
