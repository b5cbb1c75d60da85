import Domain
import EventLog
import Glibc
import Projections
import Screening
import SystemCalls

/// The agents' output, a file for each attempt. The log records only its size and digest.
///
/// The files are in a folder of this machine, or in the files that all servers of a store share.
/// Then nothing of an output is kept on this machine (OutputFiles+Shared.swift).
package actor OutputFiles {
  /// What a server does with shared files. A folder of this machine is always written.
  package enum Role: Sendable {
    /// It has the log, so workers send their output to it.
    case writes
    /// Another server writes; this one shows what is there. Followers are woken by a look each
    /// half second.
    case reads
  }

  let directory: String
  /// Masks credentials in the kept output.
  let mask: SecretMask?
  /// The place of the files; nil: `directory`.
  let shared: (any SharedFiles)?
  let role: Role
  /// The ends of shared outputs that this process wrote or read, by path.
  var tails: [String: Tail] = [:]
  private var followers: [String: [Int: AsyncStream<Void>.Continuation]] = [:]
  private var lastFollower = 0
  /// Outputs that were cut within a possible credential, by path: how far they were kept, and what
  /// the remaining bytes may be.
  private var cuts: [String: (end: Int, rest: SecretSearch.Rest)] = [:]
  private static let cutsMax = 1000

  /// - Parameters:
  ///   - directory: made if absent.
  ///   - shared: the place of the files; nil: the directory.
  init(
    directory: String, mask: SecretMask? = nil, shared: (any SharedFiles)? = nil,
    role: Role = .writes
  ) {
    self.directory = directory
    self.mask = mask
    self.shared = shared
    self.role = role
  }

  /// The files of an attempt's output.
  enum Part: String {
    /// The agent's text.
    case text = "log"
    /// Times of its output, and its structured messages: a line of JSON each.
    case records
  }

  /// The size limit of one attempt's records, in bytes.
  static let recordBytesMax = 4 << 20

  private func path(_ id: DelegationID, _ attempt: Int, _ part: Part = .text) -> String {
    "\(directory)/\(id)/\(attempt).\(part.rawValue)"
  }

  /// Writes bytes at their offset. Bytes that are already there are skipped, so a chunk that is
  /// sent twice is harmless. A chunk past the end is not written.
  ///
  /// Bytes are masked before they are written, outside of this actor, so that a long masking does
  /// not delay other outputs.
  /// - Returns: the file's length, which is the offset of the next bytes.
  func append(
    _ bytes: [UInt8], at offset: Int, of id: DelegationID, attempt: Int, _ part: Part = .text,
    limit: Int
  ) async throws -> Int {
    if let shared {
      return try await append(bytes, at: offset, to: shared, id, attempt, part, limit: limit)
    }
    let path = path(id, attempt, part)
    makeFolder(of: id)
    let file = try OpenFile(path, O_RDWR | O_CREAT)
    while true {
      let length = file.length
      guard offset <= length else { return length }
      let fresh = bytes.dropFirst(length - offset).prefix(max(0, limit - length))
      if !fresh.isEmpty {
        // With enough bytes before it to contain the start of a credential.
        let first = mask == nil ? length : max(0, length - SecretMask.lengthMax)
        let kept = try file.read(from: first, atMost: length - first) + fresh
        let cut = cut(path, at: length)
        let (masked, rest) = await Self.masked(kept, from: length - first, after: cut, by: mask)
        // If the same chunk was written a second time meanwhile, start again.
        guard file.length == length else { continue }
        try file.write(masked, at: first)
        note(rest, path, at: length + fresh.count)
        signal(id, attempt)
      }
      // Bytes over the limit count as received, so that the worker goes on.
      return length >= limit ? offset + bytes.count : length + fresh.count
    }
  }

  /// What the bytes after `end` may continue.
  func cut(_ path: String, at end: Int) -> SecretSearch.Rest? {
    cuts[path].flatMap { $0.end == end ? $0.rest : nil }
  }

  func note(_ rest: SecretSearch.Rest?, _ path: String, at end: Int) {
    if cuts.count >= Self.cutsMax { cuts.removeAll() }
    cuts[path] = rest.map { (end, $0) }
  }

  @concurrent
  static func masked(
    _ bytes: [UInt8], from start: Int = 0, after cut: SecretSearch.Rest? = nil,
    by mask: SecretMask?
  ) async -> (bytes: [UInt8], rest: SecretSearch.Rest?) {
    var rest = cut
    let masked = mask?.struckOut(bytes, from: start, &rest) ?? bytes
    return (masked, rest)
  }

  private func makeFolder(of id: DelegationID) {
    mkdir(directory, 0o700)
    mkdir("\(directory)/\(id)", 0o700)
  }

  /// The delegations with output.
  func delegations() async throws -> [DelegationID] {
    let names = try await shared?.names(in: Self.sharedFolder) ?? Self.names(in: directory)
    return names.map { DelegationID($0) }
  }

  static func names(in directory: String) -> [String] {
    guard let folder = opendir(directory) else { return [] }
    defer { closedir(folder) }
    var found: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { found.append(name) }
    }
    return found
  }

  /// Up to `count` bytes from `offset`; none at the end, or if the output is absent.
  func read(
    _ id: DelegationID, attempt: Int, _ part: Part = .text, from offset: Int, count: Int
  ) async throws -> [UInt8] {
    if let shared {
      let path = Self.sharedPath(id, "\(attempt).\(part.rawValue)")
      return try await shared.read(path, from: offset, atMost: count)?.bytes ?? []
    }
    return try Self.content(path(id, attempt, part), from: offset, count: count) ?? []
  }

  /// nil if the file is absent.
  private static func content(
    _ path: String, from offset: Int, count: Int
  ) throws(FileFault) -> [UInt8]? {
    do {
      return try DurableFile.read(path, from: offset, atMost: count)
    } catch {
      if error.code == ENOENT { return nil }
      throw error
    }
  }

  /// Keeps the patch of an attempt, with masked credentials. It replaces an earlier one.
  func keep(patch given: [UInt8], of id: DelegationID, attempt: Int) async throws {
    let patch = await Self.masked(given, by: mask).bytes
    if let shared { return try await keep(patch, in: shared, id, attempt) }
    makeFolder(of: id)
    try DurableFile.replace(patchPath(id, attempt), with: patch)
  }

  /// The patch of an attempt; nil if absent.
  func patch(of id: DelegationID, attempt: Int) async throws -> [UInt8]? {
    if let shared {
      return try await shared.whole(
        Self.sharedPath(id, "\(attempt).patch"), atMost: SharedFileLimits.fileMax)
    }
    return try Self.content(patchPath(id, attempt), from: 0, count: .max)
  }

  /// The attempts of a delegation of which a patch is kept.
  func patches(of id: DelegationID) async throws -> Set<Int> {
    let all =
      try await shared?.names(in: Self.sharedPath(id)) ?? Self.names(in: "\(directory)/\(id)")
    let names = all.filter { $0.hasSuffix(".patch") }
    return Set(names.compactMap { Int($0.dropLast(".patch".count)) })
  }

  private func patchPath(_ id: DelegationID, _ attempt: Int) -> String {
    "\(directory)/\(id)/\(attempt).patch"
  }

  /// Removes the output and patches of all attempts of a delegation. The folder is listed, since an
  /// attempt without output has no file.
  /// - Returns: the number of removed outputs.
  func remove(_ id: DelegationID) async throws -> Int {
    var gone = try await removeShared(id)
    let folder = "\(directory)/\(id)"
    gone += Self.names(in: folder).filter { unlink("\(folder)/\($0)") == 0 }
    rmdir(folder)
    return gone.count { $0.hasSuffix(".log") }
  }

  /// Signals after each write; several may be merged. To miss nothing, follow first, then read.
  func follow(_ id: DelegationID, attempt: Int) -> AsyncStream<Void> {
    let (stream, signal) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    lastFollower += 1
    let (path, key) = (path(id, attempt), lastFollower)
    followers[path, default: [:]][key] = signal
    let looking = look(id, attempt, signal)
    signal.onTermination = { _ in
      looking?.cancel()
      Task { await self.drop(path, key) }
    }
    return stream
  }

  private func drop(_ path: String, _ key: Int) {
    followers[path]?[key] = nil
    if followers[path]?.isEmpty ?? false { followers[path] = nil }
  }

  func signal(_ id: DelegationID, _ attempt: Int) {
    for follower in (followers[path(id, attempt)] ?? [:]).values { follower.yield() }
  }
}
