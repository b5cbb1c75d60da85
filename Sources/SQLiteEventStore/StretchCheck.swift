import EventLog
import SQLite

/// The check of a stretch of a log, row by row. Words are read beside the events, in the same
/// order, which costs less than to look for those of each.
final class StretchCheck {
  private var chain: ChainCheck
  private var hasher = EventHasher()
  private let words: Statement
  /// The position of the words that were read last; nil after the last.
  private var next: Int64?

  init(after first: Int64, through last: Int64, in database: Database) throws(SQLiteError) {
    let before = try EventTable.last(through: first, in: database)
    chain = ChainCheck(after: before.head, time: before.time)
    words = try database.statement(
      "SELECT position, salt, body FROM payloads WHERE position > ? AND position <= ? "
        + "ORDER BY position")
    words.bind(first, at: 1)
    words.bind(last, at: 2)
    next = try words.step() ? words.integer(0) : nil
  }

  func end() { words.reset() }

  /// Takes the next event in.
  /// - Returns: what was found of it; nil where it is as it should be.
  func take(
    _ row: ValuesRow, stream: String
  ) throws(SQLiteError) -> ChainCheck.Finding? {
    let position = row.integer(.position) ?? 0
    while let known = next, known < position { next = try words.step() ? words.integer(0) : nil }
    let hasWords = next == position
    let finding = chain.take(
      row, stream: stream, salt: hasWords ? words.bytes(1) ?? .nothing : .nothing,
      text: hasWords ? words.bytes(2) ?? .nothing : .nothing, using: &hasher)
    return finding == .sound ? nil : finding
  }
}
