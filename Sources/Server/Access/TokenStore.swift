// The tokens that this data folder's server accepts: one file each, in `secrets/tokens`.
//
// A file contains the key that is derived from a token, never the token's text. Only its owner can
// read it. So changes by `aipm token` apply from the next request, whether or not a server runs. A
// running server also appends them to the log (`aipm`'s `TokenJournal`). Writers take a lock.
//
// Several servers of one store share their tokens, see `SharedTokens`.

import Access
import Domain
import FoundationEssentials
import Glibc
import SystemCalls
import Text
import WorkerProtocol

/// The tokens of a data folder.
package struct TokenStore: Sendable {
  /// The purpose of a token.
  package enum Purpose: Hashable, Codable, Sendable, RawRepresentable {
    /// A role that operators give.
    case role(Role)
    /// A worker that the server started, over its unix socket. Operators cannot make such tokens.
    case localWorker

    private static let localName = "local-worker"

    package init?(rawValue: String) {
      if rawValue == Self.localName {
        self = .localWorker
      } else if let role = Role(rawValue: rawValue) {
        self = .role(role)
      } else {
        return nil
      }
    }

    package var rawValue: String {
      switch self {
      case .role(let role): role.rawValue
      case .localWorker: Self.localName
      }
    }
  }

  /// The stored data of a token.
  package struct Record: Codable, Equatable, Sendable {
    /// Chosen by the operator.
    package var name: String
    package var role: Purpose
    /// `WorkerKey.id`, also the name of the file.
    package var id: String
    /// In hex.
    var key: String
    /// The worker that the token is valid for; nil: the first worker that registers with it, or any
    /// if it `isShared`.
    package var worker: String?
    /// The token is valid for any worker that has no token of its own.
    package var isShared: Bool
    /// Milliseconds since 1970.
    package var created: Int64
    package var revoked: Int64?
    /// The end of its validity, in milliseconds since 1970; nil: none.
    package var expires: Int64?
    /// Patterns of the repositories that it is valid for; nil: all.
    package var repositories: [String]?
    /// The users who created and revoked it, for the log.
    package var createdBy: String?
    package var revokedBy: String?

    var workerKey: WorkerKey? { Hex.decode(key).map { WorkerKey(id: id, secret: $0) } }

    /// The repositories that it is valid for; empty: all. nil if a pattern cannot be read: what is
    /// left of a limit would be another one.
    var patterns: [RepositoryPattern]? {
      guard let repositories else { return [] }
      let read = repositories.compactMap { RepositoryPattern($0) }
      return read.isEmpty || read.count < repositories.count ? nil : read
    }

    /// Whether it is valid at this time.
    package func isValid(at time: Timestamp) -> Bool {
      revoked == nil && expires.map { time.milliseconds < $0 } ?? true
    }
  }

  /// Why a token was not made, changed or read.
  package enum Fault: Error, Equatable, CustomStringConvertible {
    case nameTaken(String)
    case notAName(String)
    case reserved(String)
    case unknown(String)
    case notAPattern(String)
    case file(String)

    package var description: String {
      switch self {
      case .nameTaken(let name):
        "there is a token named \(name) already: choose another name, or revoke that one first"
      case .notAName(let name):
        "\(name) cannot be a token's name: write 1 to 64 of a-z, A-Z, 0-9, . _ -"
      case .reserved(let name):
        "\(name) is a name of the server's own, which a token would speak for: choose another name"
      case .unknown(let name): "there is no valid token named \(name): aipm token list names them"
      case .notAPattern(let text):
        "\(text) cannot match a repository: write OWNER/REPO, in which * stands for any characters"
      case .file(let words): words
      }
    }
  }

  /// The requester of requests without a token, and the actor of the server's own events.
  static let reservedNames: Set<String> = [Principal.local.name, "system", "aipm"]

  let folder: String

  /// - Parameter data: the data folder. Missing folders are made with the first token.
  package init(data: String) { folder = "\(data)/secrets/tokens" }

  // MARK: Reading

  /// The token whose key has this name; nil if absent.
  package func find(_ id: String) -> Record? {
    guard WorkerKey.isID(id) else { return nil }
    return Self.read("\(folder)/\(id).json")
  }

  /// All tokens, the oldest first, including revoked ones.
  package func all() -> [Record] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasSuffix(".json") }.compactMap { Self.read("\(folder)/\($0)") }
      .sorted { ($0.created, $0.name) < ($1.created, $1.name) }
  }

  private static func read(_ path: String) -> Record? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    return try? JSONDecoder().decode(Record.self, from: data)
  }

  // MARK: Writing

  /// Makes a token for an operator.
  /// - Parameters:
  ///   - repositories: patterns of the repositories that it is limited to; empty: none.
  ///   - expires: the end of its validity; nil: none.
  ///   - user: who makes it.
  /// - Returns: its text, which is not stored.
  package func create(
    _ name: String, role: Role, repositories: [String] = [], expires: Timestamp? = nil,
    by user: String? = nil
  ) throws(Fault) -> (text: String, record: Record) {
    guard isWorkerName(name), name.utf8.count <= 64 else { throw .notAName(name) }
    guard !Self.reservedNames.contains(name.lowercased()) else { throw .reserved(name) }
    for text in repositories where RepositoryPattern(text) == nil { throw .notAPattern(text) }
    return try locked { () throws(Fault) in
      guard !all().contains(where: { $0.name == name && $0.revoked == nil }) else {
        throw .nameTaken(name)
      }
      return try add(name, .role(role), worker: nil, text: TokenText.fresh()) { record in
        record.repositories = repositories.isEmpty ? nil : repositories
        record.expires = expires?.milliseconds
        record.createdBy = user
      }
    }
  }

  /// Makes the token of a local worker's next process. The previous one becomes invalid.
  package func createLocal(_ worker: WorkerID) throws(Fault) -> String {
    try locked { () throws(Fault) in
      for record in all() where record.role == .localWorker && record.worker == worker.rawValue {
        unlink("\(folder)/\(record.id).json")
      }
      return try add(
        "local:\(worker)", .localWorker, worker: worker.rawValue, text: TokenText.fresh()
      ).text
    }
  }

  /// Adds a token whose text is stored elsewhere, unless it exists.
  package func adopt(_ text: String, name: String) throws(Fault) {
    guard find(WorkerKey(token: text).id) == nil else { return }
    _ = try locked { () throws(Fault) in
      try add(name, .role(.worker), worker: nil, text: text) { $0.isShared = true }
    }
  }

  /// Revokes the token of this name.
  /// - Parameter user: who revokes it.
  package func revoke(_ name: String, by user: String? = nil) throws(Fault) {
    try locked { () throws(Fault) in
      let found = all().filter {
        $0.name == name && $0.revoked == nil && $0.role != .localWorker
      }
      guard !found.isEmpty else { throw .unknown(name) }
      for var record in found {
        record.revoked = Timestamp.now.milliseconds
        record.revokedBy = user
        try write(record)
      }
    }
  }

  /// Binds a token to this worker.
  /// - Returns: false if the worker has another token.
  func bind(_ record: Record, to worker: String) throws(Fault) -> Bool {
    try locked { () throws(Fault) in
      guard !isTaken(worker, from: record) else { return false }
      guard !record.isShared, var present = find(record.id), present.worker == nil else {
        return true
      }
      present.worker = worker
      try write(present)
      return true
    }
  }

  /// Takes what the record of another server has more than the folder's own.
  func take(_ record: Record) throws(Fault) {
    guard WorkerKey.isID(record.id), record.role != .localWorker else { return }
    guard Self.merged(find(record.id), record) != nil else { return }
    try locked { () throws(Fault) in
      if let merged = Self.merged(find(record.id), record) { try write(merged) }
    }
  }

  /// - Returns: nil if `own` has all that `other` has.
  private static func merged(_ own: Record?, _ other: Record) -> Record? {
    guard var record = own else { return other }
    guard record.key == other.key else { return nil }
    if record.revoked == nil, other.revoked != nil {
      (record.revoked, record.revokedBy) = (other.revoked, other.revokedBy)
    }
    if record.worker == nil { record.worker = other.worker }
    return record == own ? nil : record
  }

  /// Removes a token that was just made and that nobody knows.
  func withdraw(_ record: Record) throws(Fault) {
    try locked { () throws(Fault) in
      do throws(FileFault) {
        try DurableFile.remove("\(folder)/\(record.id).json")
      } catch { throw .file(error.description) }
    }
  }

  /// Whether another token is valid for the worker.
  func isTaken(_ worker: String, from record: Record) -> Bool {
    all().contains { $0.id != record.id && $0.worker == worker && $0.revoked == nil }
  }

  private func add(
    _ name: String, _ role: Purpose, worker: String?, text: String,
    _ complete: (inout Record) -> Void = { _ in }
  ) throws(Fault) -> (text: String, record: Record) {
    let key = WorkerKey(token: text)
    var record = Record(
      name: name, role: role, id: key.id, key: Hex.encode(key.secret), worker: worker,
      isShared: false, created: Timestamp.now.milliseconds)
    complete(&record)
    try write(record)
    return (text, record)
  }

  private func write(_ record: Record) throws(Fault) {
    guard let bytes = try? JSONEncoder().encode(record) else { throw .file("a token's record") }
    let path = "\(folder)/\(record.id).json"
    do throws(FileFault) {
      try DurableFile.replace(path, with: bytes) { file in
        // If root makes a token for another user's server, it belongs to that user.
        var owner = stat()
        if stat(folder, &owner) == 0 { fchown(file, owner.st_uid, owner.st_gid) }
      }
    } catch { throw .file(error.description) }
  }

  private func locked<Value>(_ body: () throws(Fault) -> Value) throws(Fault) -> Value {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      let reason = (error as? CocoaError)?.underlying as? POSIXError
      let words = reason.map { String(cString: strerror($0.code.rawValue)) } ?? "\(error)"
      throw .file("the folder \(folder) cannot be made: \(words)")
    }
    let lock = open("\(folder)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else { throw Self.fault("\(folder)/lock") }
    defer { close(lock) }
    while flock(lock, LOCK_EX) != 0 {
      guard errno == EINTR else { throw Self.fault("\(folder)/lock") }
    }
    return try body()
  }

  private static func fault(_ path: String) -> Fault {
    .file("\(path): \(String(cString: strerror(errno)))")
  }
}
