import EventLog
import SQLite

/// Checks a part of a log row by row. Texts are read beside the events, in the same order, which is
/// cheaper than looking up the text of each event.
final class StretchCheck {
  private var chain: ChainCheck
  private var hasher = EventHasher()
  private let texts: Statement
  /// The position of the current row of `texts`; nil after the last.
  private var next: Int64?

  init(after first: Int64, through last: Int64, in database: Database) throws(SQLiteError) {
    let before = try EventTable.last(through: first, in: database)
    chain = ChainCheck(after: before.head, time: before.time)
    texts = try database.statement(
      "SELECT position, salt, body FROM payloads WHERE position > ? AND position <= ? "
        + "ORDER BY position")
    texts.bind(first, at: 1)
    texts.bind(last, at: 2)
    next = try texts.step() ? texts.integer(0) : nil
  }

  func end() { texts.reset() }

  /// Checks the next event.
  /// - Returns: nil if the event is valid and has its text.
  func take(_ row: any EventRow, stream: String) throws(SQLiteError) -> ChainCheck.Finding? {
    let position = row.integer(.position) ?? 0
    while let known = next, known < position { next = try texts.step() ? texts.integer(0) : nil }
    let hasText = next == position
    let finding = chain.take(
      row, stream: stream, salt: hasText ? texts.bytes(1) ?? .nothing : .nothing,
      text: hasText ? texts.bytes(2) ?? .nothing : .nothing, using: &hasher)
    return finding == .sound ? nil : finding
  }
}
