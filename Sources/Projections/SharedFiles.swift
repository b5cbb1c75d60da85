// What all servers of one store have in common besides the log: outputs, commits that are not
// pushed yet, tokens, secrets and positions of deliveries. A store that is a folder of one machine
// has none of these: they are files in that folder.
//
// Who can read the store can read these files. Among them are the keys of all tokens and the
// workers' secret, so the database has to be as safe as a data folder, and so do its backups.

import Domain

/// A file of `SharedFiles`, without its content.
package struct SharedFile: Equatable, Sendable {
  package var path: String
  /// In bytes.
  package var length: Int
  /// Rises with each write. It begins again if the file was removed in between.
  package var version: Int64
  /// By the store's clock.
  package var changed: Timestamp

  package init(path: String, length: Int, version: Int64, changed: Timestamp) {
    self.path = path
    self.length = length
    self.version = version
    self.changed = changed
  }
}

/// A part of a file, and the length of the whole file at that moment.
package struct SharedPiece: Equatable, Sendable {
  package var bytes: [UInt8]
  package var length: Int

  package init(bytes: [UInt8], length: Int) {
    self.bytes = bytes
    self.length = length
  }
}

/// Why a file was not read or written.
package enum SharedFileFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// Another server has the log now. Nothing was written.
  case taken
  /// The file does not have the length that the writer expected. Nothing was written.
  case changed(length: Int)
  /// The write, the file or its path is larger than it may be. Nothing was written.
  case tooLarge(String)
  /// The store did not answer in time. It may have been written.
  case unavailable(String)

  package var description: String {
    switch self {
    case .taken: "another server has taken over this log, so nothing more is written here"
    case .changed(let length): "somebody else wrote the file, which has \(length) bytes now"
    case .tooLarge(let path): "\(path) is larger than a shared file may be"
    case .unavailable(let reason): "the shared files cannot be reached: \(reason)"
    }
  }
}

/// Files by path that all servers of a store share. They are read in any order and written at their
/// end, a few megabytes at a time.
///
/// A write returns after it is as durable as an append to the log. Those of a server that has the
/// log carry its claim: once another server has the log, they change nothing. Reads are answered by
/// the store itself, so they have everything that was acknowledged to any server before.
package protocol SharedFiles: Sendable {
  /// Up to `count` bytes from `offset`, and at most `SharedFileLimits.readMax`.
  /// - Returns: nil if the file is absent.
  func read(
    _ path: String, from offset: Int, atMost count: Int
  ) async throws(SharedFileFault) -> SharedPiece?

  /// Replaces what the file has from `offset` on by `bytes`, which become its end. An
  /// empty write at the end changes nothing; when it returns, everything that was read before is
  /// durable.
  /// - Parameter length: the file's length before, 0 if it is absent. If it has another one,
  ///   nothing is written.
  func write(
    _ bytes: [UInt8], to path: String, at offset: Int, of length: Int
  ) async throws(SharedFileFault)

  /// Makes the file, or replaces all of it.
  func replace(_ path: String, with bytes: [UInt8]) async throws(SharedFileFault)

  /// The files in a folder and in the folders in it, by path.
  func list(_ folder: String) async throws(SharedFileFault) -> [SharedFile]

  /// The names of the files and folders that are directly in a folder.
  func names(in folder: String) async throws(SharedFileFault) -> [String]

  /// Removes a file, or a folder with everything in it.
  /// - Returns: the paths of the removed files.
  @discardableResult
  func remove(_ path: String) async throws(SharedFileFault) -> [String]
}

/// The bounds of shared files.
package enum SharedFileLimits {
  /// The most bytes that one call reads.
  package static let readMax = 8 << 20
  /// The most bytes that one call writes.
  package static let writeMax = 8 << 20
  /// The most bytes of a file: the largest pack of a hand-in, and some.
  package static let fileMax = 2 << 30
  /// The most bytes of a path.
  package static let pathMax = 512

  /// Whether a write is within the bounds, and its path is one: names without an empty one.
  package static func allow(_ path: String, _ count: Int, endingAt end: Int) -> Bool {
    let isPath =
      1...pathMax ~= path.utf8.count && !path.utf8.contains(0)
      && !path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        .contains { $0.isEmpty }
    return isPath && count <= writeMax && end <= fileMax
  }
}

extension SharedFiles {
  /// Makes a file, or replaces all of it, however long it is. If that is cut off, the file has the
  /// beginning of `bytes`.
  package func put(_ path: String, _ bytes: [UInt8]) async throws(SharedFileFault) {
    let size = SharedFileLimits.writeMax
    try await replace(path, with: Array(bytes.prefix(size)))
    var length = min(size, bytes.count)
    while length < bytes.count {
      let more = Array(bytes[length...].prefix(size))
      try await write(more, to: path, at: length, of: length)
      length += more.count
    }
  }

  /// A whole file.
  /// - Parameter limit: a longer file is refused.
  /// - Returns: nil if it is absent.
  package func whole(
    _ path: String, atMost limit: Int
  ) async throws(SharedFileFault) -> [UInt8]? {
    var bytes: [UInt8] = []
    while true {
      guard
        let piece = try await read(path, from: bytes.count, atMost: SharedFileLimits.readMax)
      else { return nil }
      guard piece.length <= limit else { throw .tooLarge(path) }
      bytes += piece.bytes
      if piece.bytes.isEmpty || bytes.count >= piece.length { return bytes }
    }
  }
}
