import Domain
import Text

/// The lines of an attempt's output, as people see them: without what a terminal would act on.
struct OutputLines: Sendable {
  let files: OutputFiles
  let id: DelegationID
  let attempt: Int

  /// How much of an output is looked at, in bytes.
  static let scanBytesMax = 64 << 20
  /// How much is read at once. A longer line is passed on in pieces.
  private static let pieceBytes = 256 << 10

  /// Calls `body` with whole lines, many at once, or with a piece of a very long one, until it
  /// returns false.
  /// - Parameters:
  ///   - overlap: how many bytes of a very long line its next piece repeats.
  ///   - body: receives the number of the first line, from 1, and the text.
  /// - Returns: whether the whole output was looked at.
  func forEach(
    overlap: Int = 0, _ body: (_ number: Int, _ text: [UInt8]) throws -> Bool
  ) async throws -> Bool {
    var (offset, number) = (0, 1)
    var filter = TerminalFilter()
    var rest: [UInt8] = []
    while offset < Self.scanBytesMax {
      let bytes = try await files.read(id, attempt: attempt, from: offset, count: Self.pieceBytes)
      if bytes.isEmpty {
        if !rest.isEmpty { _ = try body(number, rest) }
        return true
      }
      offset += bytes.count
      let fresh = filter.take(bytes)
      let breaks = LineBreaks(in: fresh)
      if let last = breaks.last {
        guard try body(number, rest + fresh[...last]) else { return false }
        number += breaks.count
        rest = Array(fresh[(last + 1)...])
      } else {
        rest += fresh
      }
      if rest.count > Self.pieceBytes {
        guard try body(number, rest) else { return false }
        rest.removeFirst(rest.count - min(overlap, rest.count))
      }
    }
    return false
  }
}
