#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections

/// The files that all servers of a log share, in blocks.
///
/// A write is one statement, and so one transaction. It reads the epoch in `head` without a lock,
/// so the writer of the log never waits for it. What could still happen: the statement begins, then
/// another server claims the log, then the statement commits. The file's own row decides that: it
/// has the epoch of its last write and the length, and a write that finds a later epoch or another
/// length changes nothing. So a server that continues a file notices what came in between.
///
/// A write whose answer was lost is made again, and if the file is as that write would make it, a
/// further commit confirms it: write-ahead logs are ordered, so it covers what was read.
package final class PostgreSQLFiles: SharedFiles {
  /// The bytes of a block.
  package static let blockLength = 16 << 10
  /// How many files one statement lists.
  private static let pageLength = 10_000

  private let sessions: FileSessions
  /// The claim of the log; nil for a program without one.
  private let epoch: Int64?

  /// - Parameters:
  ///   - epoch: the claim that writes carry; nil: they are not bound to one.
  ///   - patience: how long a call tries to reach a server.
  /// - Throws: `StoreFault` if no thread can be started.
  package init(
    _ place: PostgreSQLPlace, epoch: Int64?, patience: Duration = .seconds(10)
  ) throws(StoreFault) {
    sessions = try FileSessions(place, patience: patience)
    self.epoch = epoch
  }

  deinit { sessions.close() }

  /// Refuses new calls; those that wait are carried out.
  func close() { sessions.close() }

  // MARK: Reading

  /// See `SharedFiles`.
  package func read(
    _ path: String, from offset: Int, atMost count: Int
  ) async throws(SharedFileFault) -> SharedPiece? {
    try await sessions.run(.read) { connection, _ in
      try Self.read(path, from: offset, atMost: count, in: connection)
    }
  }

  private static func read(
    _ path: String, from offset: Int, atMost count: Int, in connection: PostgreSQLConnection
  ) throws -> SharedPiece? {
    let count = min(max(0, count), SharedFileLimits.readMax)
    let offset = min(max(0, offset), SharedFileLimits.fileMax)
    let first = offset / blockLength
    let end = (offset + count + blockLength - 1) / blockLength
    let rows = try connection.query(
      """
      SELECT f.length, b.block, b.bytes FROM files f
      LEFT JOIN file_blocks b ON b.path = f.path AND b.block >= $2 AND b.block < $3
      WHERE f.path = $1 ORDER BY b.block
      """, [.text(path), .integer(Int64(first)), .integer(Int64(end))])
    guard let length = rows.first.map({ Int($0.integer(0)) }) else { return nil }
    let wanted = max(0, min(count, length - offset))
    guard wanted > 0 else { return SharedPiece(bytes: [], length: length) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(wanted)
    for index in 0..<rows.count {
      let row = rows[index]
      let start = (first + index) * blockLength
      guard let block = row.bytes(2), Int(row.integer(1)) == first + index else { break }
      // What is beyond the length is of an earlier state of the file.
      let range = max(0, offset - start)..<min(block.count, offset + wanted - start)
      if !range.isEmpty { bytes += block[range] }
    }
    guard bytes.count == wanted else {
      throw SharedFileFault.unavailable("a block of \(path) is missing: the database is damaged")
    }
    return SharedPiece(bytes: bytes, length: length)
  }

  /// See `SharedFiles`.
  package func list(_ folder: String) async throws(SharedFileFault) -> [SharedFile] {
    try await sessions.run(.read) { connection, _ in
      var found: [SharedFile] = []
      while true {
        let rows = try connection.query(
          """
          SELECT path, length, version, (extract(epoch FROM changed) * 1000)::bigint FROM files
          WHERE path > $1 AND path < $2 ORDER BY path LIMIT \(Self.pageLength)
          """, [.text(found.last?.path ?? folder + "/"), .text(Self.end(of: folder))])
        found += rows.map { row in
          SharedFile(
            path: row.text(0) ?? "", length: Int(row.integer(1)), version: row.integer(2),
            changed: Timestamp(milliseconds: row.integer(3)))
        }
        if rows.count < Self.pageLength { return found }
      }
    }
  }

  /// See `SharedFiles`.
  package func names(in folder: String) async throws(SharedFileFault) -> [String] {
    try await sessions.run(.read) { connection, _ in
      try connection.query(
        """
        SELECT DISTINCT split_part(substr(path, $3::int), '/', 1) FROM files
        WHERE path > $1 AND path < $2
        """,
        [
          .text(folder + "/"), .text(Self.end(of: folder)),
          .integer(Int64(folder.unicodeScalars.count + 2)),
        ]
      ).map { $0.text(0) ?? "" }
    }
  }

  /// What comes after all paths in a folder: the character after the slash.
  private static func end(of folder: String) -> String { folder + "0" }

  // MARK: Writing

  /// See `SharedFiles`.
  package func write(
    _ bytes: [UInt8], to path: String, at offset: Int, of length: Int
  ) async throws(SharedFileFault) {
    guard offset >= 0, offset <= length, !bytes.isEmpty || offset == length else {
      throw .changed(length: length)
    }
    try await put(FileWrite(path: path, offset: offset, expected: length, bytes: bytes))
  }

  /// See `SharedFiles`.
  package func replace(
    _ path: String, with bytes: [UInt8]
  ) async throws(SharedFileFault) {
    try await put(FileWrite(path: path, offset: 0, expected: nil, bytes: bytes))
  }

  private func put(_ write: FileWrite) async throws(SharedFileFault) {
    guard SharedFileLimits.allow(write.path, write.bytes.count, endingAt: write.end) else {
      throw .tooLarge(write.path)
    }
    let epoch = epoch
    try await sessions.run(.write) { connection, isAgain in
      do {
        try write.run(on: connection, epoch: epoch)
      } catch let fault as SharedFileFault {
        // The first try may have been committed. If so, the file is as that one made it.
        guard isAgain, fault == .changed(length: write.end),
          let found = try Self.read(
            write.path, from: write.offset, atMost: write.bytes.count, in: connection),
          found.bytes == write.bytes
        else { throw fault }
        try FileWrite(path: write.path, offset: write.end, expected: write.end, bytes: [])
          .run(on: connection, epoch: epoch)
      }
    }
  }

  /// See `SharedFiles`.
  @discardableResult
  package func remove(_ path: String) async throws(SharedFileFault) -> [String] {
    let epoch = epoch
    return try await sessions.run(.write) { connection, _ in
      let removed = try connection.query(
        """
        DELETE FROM files WHERE (path = $2 OR (path > $3 AND path < $4))
          AND EXISTS (SELECT 1 FROM head WHERE $1::bigint IS NULL OR epoch = $1)
        RETURNING path
        """,
        [.integer(epoch), .text(path), .text(path + "/"), .text(Self.end(of: path))])
      if removed.count == 0 { try FileWrite.checkEpoch(epoch, in: connection) }
      return removed.map { $0.text(0) ?? "" }
    }
  }
}

/// One write.
private struct FileWrite: Sendable {
  var path: String
  var offset: Int
  /// The length before; nil: any.
  var expected: Int?
  var bytes: [UInt8]

  var end: Int { offset + bytes.count }

  /// - Throws: `SharedFileFault` if nothing was written; `PostgreSQLError`.
  func run(on connection: PostgreSQLConnection, epoch: Int64?) throws {
    let size = PostgreSQLFiles.blockLength
    let (first, kept) = (offset / size, offset % size)
    var (blocks, contents): ([Int64?], [[UInt8]]) = ([], [])
    var start = 0
    while start < bytes.count {
      let block = first + blocks.count
      let next = min(bytes.count, (block + 1) * size - offset)
      blocks.append(Int64(block))
      contents.append(Array(bytes[start..<next]))
      start = next
    }
    let found = try connection.query(
      """
      WITH own AS (SELECT epoch FROM head WHERE $1::bigint IS NULL OR epoch = $1),
      file AS (
        INSERT INTO files AS f (path, length, version, epoch, changed)
        SELECT $2, $3, 1, own.epoch, now() FROM own
        WHERE $4::bigint IS NULL OR $4 = 0 OR EXISTS (SELECT 1 FROM files WHERE path = $2)
        ON CONFLICT (path) DO UPDATE SET length = excluded.length, version = f.version + 1,
          epoch = excluded.epoch, changed = excluded.changed
        WHERE f.epoch <= excluded.epoch AND ($4::bigint IS NULL OR f.length = $4)
        RETURNING f.path
      ),
      cut AS (
        DELETE FROM file_blocks b USING file WHERE b.path = file.path AND b.block >= $5
      ),
      put AS (
        INSERT INTO file_blocks AS b (path, block, bytes)
        SELECT file.path, new.block, new.bytes
        FROM file, unnest($6::bigint[], $7::bytea[]) AS new(block, bytes)
        ON CONFLICT (path, block) DO UPDATE SET bytes = CASE WHEN excluded.block = $8
          THEN substring(b.bytes FROM 1 FOR $9::int) || excluded.bytes ELSE excluded.bytes END
      )
      SELECT (SELECT count(*) FROM file)
      """,
      [
        .integer(epoch), .text(path), .integer(Int64(end)), .integer(expected.map(Int64.init)),
        .integer(Int64((end + size - 1) / size)), .integers(blocks), .manyBytes(contents),
        .integer(Int64(first)), .integer(Int64(kept)),
      ])
    guard found.first?.integer(0) == 0 else { return }
    try Self.checkEpoch(epoch, in: connection)
    let now = try connection.query(
      "SELECT length, epoch FROM files WHERE path = $1", [.text(path)]
    ).first
    if let epoch, let later = now?.integer(1), later > epoch { throw SharedFileFault.taken }
    throw SharedFileFault.changed(length: Int(now?.integer(0) ?? 0))
  }

  /// - Throws: `SharedFileFault.taken` if another server has claimed the log.
  static func checkEpoch(_ epoch: Int64?, in connection: PostgreSQLConnection) throws {
    guard let epoch else { return }
    let now = try connection.query("SELECT epoch FROM head").first?.integer(0)
    guard now == epoch else { throw SharedFileFault.taken }
  }
}

#endif
