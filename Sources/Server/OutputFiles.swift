import Domain
import EventLog
import Glibc
import Screening
import SystemCalls

/// The agents' output, a file for each attempt. It is no fact: an event holds its size and digest.
actor OutputFiles {
  private let directory: String
  /// Strikes credentials out of what is kept.
  private let mask: SecretMask?
  private var followers: [String: [Int: AsyncStream<Void>.Continuation]] = [:]
  private var lastFollower = 0
  /// Where an output was cut in the middle of a credential, by its path: until where it was kept,
  /// and what the rest may be.
  private var cuts: [String: (end: Int, rest: SecretSearch.Rest)] = [:]
  private static let cutsMax = 1000

  /// - Parameter directory: made where it is absent.
  init(directory: String, mask: SecretMask? = nil) {
    self.directory = directory
    self.mask = mask
  }

  /// What is kept of an attempt's output.
  enum Part: String {
    /// What the agent wrote.
    case text = "log"
    /// When it wrote what, and what it told in a structured form: a line of JSON each.
    case records
  }

  /// Of the records of one attempt, in bytes.
  static let recordBytesMax = 4 << 20

  private func path(_ id: DelegationID, _ attempt: Int, _ part: Part = .text) -> String {
    "\(directory)/\(id)/\(attempt).\(part.rawValue)"
  }

  /// Writes bytes at their offset. Bytes that are there already are passed over, so a chunk that is
  /// sent twice does no harm; a chunk past the end is not taken.
  ///
  /// What is kept is masked before it is written, and not by this actor: however long that takes,
  /// other outputs do not wait.
  /// - Returns: the file's length: where the next bytes go.
  func append(
    _ bytes: [UInt8], at offset: Int, of id: DelegationID, attempt: Int, _ part: Part = .text,
    limit: Int
  ) async throws(FileFault) -> Int {
    let path = path(id, attempt, part)
    makeFolder(of: id)
    let file = try OpenFile(path, O_RDWR | O_CREAT)
    while true {
      let length = file.length
      guard offset <= length else { return length }
      let fresh = bytes.dropFirst(length - offset).prefix(max(0, limit - length))
      if !fresh.isEmpty {
        // As much before it as a credential may have begun in.
        let first = mask == nil ? length : max(0, length - SecretMask.lengthMax)
        let kept = try file.read(from: first, atMost: length - first) + fresh
        let cut = cuts[path].flatMap { $0.end == length ? $0.rest : nil }
        let (masked, rest) = await Self.masked(kept, from: length - first, after: cut, by: mask)
        // The same chunk may have come a second time meanwhile: then this is looked at anew.
        guard file.length == length else { continue }
        try file.write(masked, at: first)
        if cuts.count >= Self.cutsMax { cuts.removeAll() }
        cuts[path] = rest.map { (length + fresh.count, $0) }
        signal(self.path(id, attempt))
      }
      // What is over the limit counts as taken, so that the worker goes on.
      return length >= limit ? offset + bytes.count : length + fresh.count
    }
  }

  @concurrent
  private static func masked(
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

  /// The delegations that there is output of.
  func delegations() -> [DelegationID] { Self.names(in: directory).map { DelegationID($0) } }

  private static func names(in directory: String) -> [String] {
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

  /// Up to `count` bytes from `offset`; none at the end, or where there is no output yet.
  func read(
    _ id: DelegationID, attempt: Int, _ part: Part = .text, from offset: Int, count: Int
  ) throws(FileFault) -> [UInt8] {
    try Self.content(path(id, attempt, part), from: offset, count: count) ?? []
  }

  /// nil if there is no such file.
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

  /// Keeps the patch of an attempt, without credentials; a second one replaces the first.
  func keep(patch given: [UInt8], of id: DelegationID, attempt: Int) async throws(FileFault) {
    let patch = await Self.masked(given, by: mask).bytes
    makeFolder(of: id)
    try DurableFile.replace(patchPath(id, attempt), with: patch)
  }

  /// The patch of an attempt; nil if none was kept.
  func patch(of id: DelegationID, attempt: Int) throws(FileFault) -> [UInt8]? {
    try Self.content(patchPath(id, attempt), from: 0, count: .max)
  }

  private func patchPath(_ id: DelegationID, _ attempt: Int) -> String {
    "\(directory)/\(id)/\(attempt).patch"
  }

  /// Takes a delegation's output away, of all its attempts, and the patches that were kept. Which
  /// files there are is what the folder says: an attempt that said nothing has none.
  /// - Returns: how many outputs there were.
  func remove(_ id: DelegationID) -> Int {
    let folder = "\(directory)/\(id)"
    let removed = Self.names(in: folder).filter { unlink("\(folder)/\($0)") == 0 }
    rmdir(folder)
    return removed.count { $0.hasSuffix(".log") }
  }

  /// Signals after each write; several may be one. Follow first, then read.
  func follow(_ id: DelegationID, attempt: Int) -> AsyncStream<Void> {
    let (stream, signal) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    lastFollower += 1
    let (path, key) = (path(id, attempt), lastFollower)
    followers[path, default: [:]][key] = signal
    signal.onTermination = { _ in Task { await self.drop(path, key) } }
    return stream
  }

  private func drop(_ path: String, _ key: Int) {
    followers[path]?[key] = nil
    if followers[path]?.isEmpty ?? false { followers[path] = nil }
  }

  private func signal(_ path: String) {
    for follower in (followers[path] ?? [:]).values { follower.yield() }
  }
}
