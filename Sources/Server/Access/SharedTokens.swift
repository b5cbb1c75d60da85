import Access
import Domain
import FoundationEssentials
import Projections
import Text
import WorkerProtocol

/// Keeps the tokens of a data folder and those that all servers of a store share the same.
///
/// The folder is what a server reads for each request. The shared files are what survives the
/// machine. A token is never removed and never valid again after its revocation, so both sides only
/// ever take what the other one has more: a token, a revocation, or the worker that a token is
/// bound to. A revocation has a file of its own, so that nobody who writes the token's own file at
/// the same time can undo it. For the same reason writes need no claim of the log.
///
/// Who can read the shared files has the keys of all tokens.
///
/// Tokens of local workers are not shared: they are for one machine's unix socket.
package actor SharedTokens {
  /// A token's record is shorter than that.
  private static let recordBytesMax = 64 << 10
  private static let folder = "tokens"

  private let store: TokenStore
  private let cache: TokenCache
  private let files: any SharedFiles
  /// What the shared files had at the last exchange, by path.
  private var seen: [String: (file: SharedFile, record: TokenStore.Record?)] = [:]

  package init(_ store: TokenStore, _ files: any SharedFiles) {
    self.store = store
    cache = TokenCache(store)
    self.files = files
  }

  /// Takes what others changed, and gives what was changed here. When it returns, every token and
  /// revocation of the folder is shared, and every shared one is in the folder. With no change it
  /// costs one query.
  /// - Throws: `TokenStore.Fault` if a file could not be read or written; it can be called again.
  package func exchange() async throws(TokenStore.Fault) {
    do throws(SharedFileFault) {
      try await look()
    } catch { throw .file("\(error)") }
    for record in seen.values.compactMap({ $0.record }) { try store.take(record) }
    for record in cache.all where record.role != .localWorker { try await give(record) }
  }

  /// Reads the shared files that are new or changed.
  private func look() async throws(SharedFileFault) {
    var found: [String: (file: SharedFile, record: TokenStore.Record?)] = [:]
    for file in try await files.list(Self.folder) {
      if let known = seen[file.path], known.file == file {
        found[file.path] = known
        continue
      }
      // Files that were removed meanwhile, or are no tokens, do not count.
      let bytes = try await files.whole(file.path, atMost: Self.recordBytesMax)
      let record = bytes.flatMap {
        try? JSONDecoder().decode(TokenStore.Record.self, from: Data($0))
      }
      found[file.path] = (file, record)
    }
    seen = found
  }

  private func give(_ record: TokenStore.Record) async throws(TokenStore.Fault) {
    let path = "\(Self.folder)/\(record.id).json"
    let shared = seen[path]?.record
    if shared == nil || (shared?.worker == nil && record.worker != nil) {
      try await write(record, to: path)
    }
    let end = "\(Self.folder)/\(record.id).revoked.json"
    if record.revoked != nil, seen[end]?.record == nil { try await write(record, to: end) }
  }

  private func write(_ record: TokenStore.Record, to path: String) async throws(TokenStore.Fault) {
    guard let bytes = try? JSONEncoder().encode(record) else { throw .file("a token's record") }
    do throws(SharedFileFault) {
      try await files.replace(path, with: Array(bytes))
    } catch { throw .file("\(error)") }
  }
}

extension TokenStore {
  /// Makes a token, and returns when all servers can have it.
  /// - Parameter shared: nil if the folder is the only place of tokens.
  /// - Throws: `Fault`; then there is no such token.
  package func create(
    _ name: String, role: Role, repositories: [String] = [], expires: Timestamp? = nil,
    by user: String? = nil, sharing shared: SharedTokens?
  ) async throws(Fault) -> (text: String, record: Record) {
    // The name may be taken on another server.
    try await shared?.exchange()
    let made = try create(
      name, role: role, repositories: repositories, expires: expires, by: user)
    do throws(Fault) {
      try await shared?.exchange()
    } catch {
      // Nobody knows the text of what may have been shared.
      try withdraw(made.record)
      throw error
    }
    return made
  }

  /// Revokes the token of this name, and returns when no server that is started later can take it.
  /// - Throws: `Fault`. It may be revoked on this machine then; the server there shares that as
  ///   soon as it can.
  package func revoke(
    _ name: String, by user: String? = nil, sharing shared: SharedTokens?
  ) async throws(Fault) {
    try await shared?.exchange()
    try revoke(name, by: user)
    try await shared?.exchange()
  }
}
