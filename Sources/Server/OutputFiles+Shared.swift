// Outputs in the files that all servers of a store share.
//
// Nothing of them is kept on this machine: a copy here would have to be recognised as stale after
// another server wrote or removed an output, and reading a block of a database costs little beside
// sending it to a reader. So whatever a server shows was acknowledged by the store, and an output
// that was removed is gone on every machine.
//
// A worker gets its answer after the bytes are in the store. The end of an output is kept
// in memory, since masking needs the bytes before new ones, and most writes are a short
// continuation of the last one. The store compares the length with each write, so a wrong end in
// memory is only read again. As after a restart, the rest of a credential that was cut is
// recognised only if its start was not masked yet.

import Domain
import EventLog
import Glibc
import Projections
import Screening
import SystemCalls

extension OutputFiles {
  /// The end of a shared output.
  struct Tail {
    var length: Int
    /// Its last bytes, enough to contain the start of a credential.
    var bytes: [UInt8]
    /// Whether this process wrote it, or the store has confirmed it since it was read. A standby
    /// may still lack what was only read.
    var isConfirmed: Bool
  }

  static let sharedFolder = "output"
  private static let tailsMax = 1000
  /// How often a write is made again because another one was faster.
  private static let triesMax = 20
  private static let lookInterval = Duration.milliseconds(500)

  /// The path of a delegation's folder, or of a file in it.
  static func sharedPath(_ id: DelegationID, _ name: String? = nil) -> String {
    "\(sharedFolder)/\(id)" + (name.map { "/" + $0 } ?? "")
  }

  /// See `append`.
  func append(
    _ bytes: [UInt8], at offset: Int, to shared: any SharedFiles, _ id: DelegationID,
    _ attempt: Int, _ part: Part, limit: Int
  ) async throws -> Int {
    let path = Self.sharedPath(id, "\(attempt).\(part.rawValue)")
    for _ in 0..<Self.triesMax {
      guard role == .writes else { throw SharedFileFault.taken }
      let tail = try await tail(of: path, in: shared)
      let length = tail.length
      guard offset <= length else { return length }
      let fresh = bytes.dropFirst(length - offset).prefix(max(0, limit - length))
      do {
        if fresh.isEmpty {
          if !tail.isConfirmed, length > 0 {
            try await shared.write([], to: path, at: length, of: length)
            if tails[path]?.length == length { tails[path]?.isConfirmed = true }
          }
        } else {
          try await extend(path, by: fresh, after: tail, in: shared)
          signal(id, attempt)
        }
      } catch SharedFileFault.changed {
        // The same chunk was written a second time meanwhile, or an earlier try did arrive.
        tails[path] = nil
        continue
      } catch {
        tails[path] = nil
        throw error
      }
      // Bytes over the limit count as received, so that the worker goes on.
      return length >= limit ? offset + bytes.count : length + fresh.count
    }
    throw SharedFileFault.unavailable("\(path) is written by several at once")
  }

  private func extend(
    _ path: String, by fresh: ArraySlice<UInt8>, after tail: Tail, in shared: any SharedFiles
  ) async throws {
    let cut = cut(path, at: tail.length)
    let (masked, rest) = await Self.masked(
      tail.bytes + fresh, from: tail.bytes.count, after: cut, by: mask)
    // Most often nothing before the new bytes was part of a credential.
    let same = zip(masked, tail.bytes).prefix { $0 == $1 }.count
    let first = tail.length - tail.bytes.count
    try await shared.write(
      Array(masked[same...]), to: path, at: first + same, of: tail.length)
    let end = tail.length + fresh.count
    note(rest, path, at: end)
    if tails.count >= Self.tailsMax { tails.removeAll() }
    tails[path] = Tail(length: end, bytes: masked.suffix(tailBytesMax), isConfirmed: true)
  }

  private var tailBytesMax: Int { mask == nil ? 0 : SecretMask.lengthMax }

  private func tail(of path: String, in shared: any SharedFiles) async throws -> Tail {
    if let known = tails[path] { return known }
    // The first read tells the length, unless it has all.
    let count = tailBytesMax
    guard let start = try await shared.read(path, from: 0, atMost: count) else {
      return Tail(length: 0, bytes: [], isConfirmed: true)
    }
    var end = start
    if start.length > count {
      end =
        try await shared.read(path, from: start.length - count, atMost: count)
        ?? SharedPiece(bytes: [], length: 0)
    }
    let tail = Tail(length: end.length, bytes: end.bytes.suffix(count), isConfirmed: false)
    if tails.count >= Self.tailsMax { tails.removeAll() }
    tails[path] = tail
    return tail
  }

  /// Keeps a masked patch.
  func keep(
    _ patch: [UInt8], in shared: any SharedFiles, _ id: DelegationID, _ attempt: Int
  ) async throws {
    guard role == .writes else { throw SharedFileFault.taken }
    try await shared.put(Self.sharedPath(id, "\(attempt).patch"), patch)
  }

  /// - Returns: the paths of the removed files.
  func removeShared(_ id: DelegationID) async throws -> [String] {
    guard let shared else { return [] }
    guard role == .writes else { throw SharedFileFault.taken }
    let gone = try await shared.remove(Self.sharedPath(id))
    for path in gone { tails[path] = nil }
    return gone
  }

  /// Signals after another server may have written, until the task is cancelled.
  /// - Returns: nil if this server writes itself.
  func look(
    _ id: DelegationID, _ attempt: Int, _ signal: AsyncStream<Void>.Continuation
  ) -> Task<Void, Never>? {
    guard let shared, role == .reads else { return nil }
    return Task {
      var known: [Int?] = []
      while (try? await Task.sleep(for: Self.lookInterval)) != nil {
        var lengths: [Int?] = []
        for part in [Part.text, .records] {
          let path = Self.sharedPath(id, "\(attempt).\(part.rawValue)")
          // A read that fails is one that the reader will notice too.
          lengths.append(try? await shared.read(path, from: 0, atMost: 0)?.length)
        }
        if lengths != known { signal.yield() }
        known = lengths
      }
    }
  }

  // MARK: Outputs from before

  /// Moves all outputs of the folder into the shared files. A file is removed here after it is
  /// there, so each is in one place; one that was moved in part is continued.
  /// - Returns: the paths that were left because the shared files have other content.
  /// - Throws: `SharedFileFault`, `FileFault`.
  func shareFolder() async throws -> [String] {
    guard let shared, role == .writes else { return [] }
    var left: [String] = []
    for id in Self.names(in: directory) {
      let folder = "\(directory)/\(id)"
      for name in Self.names(in: folder) where !name.hasSuffix(".next") {
        let path = "\(folder)/\(name)"
        if try await move(path, to: Self.sharedPath(DelegationID(id), name), in: shared) {
          try DurableFile.remove(path)
        } else {
          left.append(path)
        }
      }
      rmdir(folder)
    }
    return left
  }

  /// Writes what the shared file lacks of a file of this machine.
  /// - Returns: false if neither is the beginning of the other one.
  private func move(
    _ file: String, to path: String, in shared: any SharedFiles
  ) async throws -> Bool {
    let size = SharedFileLimits.writeMax
    var offset = 0
    while true {
      let own = try DurableFile.read(file, from: offset, atMost: size)
      let there = try await shared.read(path, from: offset, atMost: own.count)
      let known = there?.bytes ?? []
      guard own.starts(with: known) else { return false }
      if own.count > known.count || (there == nil && own.isEmpty) {
        let end = offset + known.count
        if own.isEmpty {
          try await shared.replace(path, with: [])
        } else {
          try await shared.write(Array(own[known.count...]), to: path, at: end, of: end)
        }
      }
      offset += own.count
      if own.count < size { return true }
    }
  }
}
