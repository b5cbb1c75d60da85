import Access
import Cryptography
import Domain
import Glibc
import Synchronization
import SystemCalls
import Text
import WorkerProtocol

/// The tokens of a data folder, read once and again after each change of the folder. A look costs
/// one system call: `stat` of the folder, whose time changes with each file that is added or
/// replaced.
package final class TokenCache: Sendable {
  /// What identifies a state of the folder.
  private struct Mark: Equatable {
    var inode: UInt64
    var seconds: Int
    var nanoseconds: Int
  }

  private struct State {
    var mark: Mark?
    /// Whether another change could have the same time, by the file system's clock.
    var isUncertain = true
    var records: [String: TokenStore.Record] = [:]
  }

  /// File times advance with the timer tick of the kernel, of 10 ms at most.
  private static let tick = Milliseconds(50)

  private let store: TokenStore
  private let state = Mutex(State())
  /// The tokens that were valid at the last call of `hasChanged`.
  private let seen = Mutex<Set<String>>([])

  package init(_ store: TokenStore) { self.store = store }

  /// All tokens, including revoked ones.
  package var all: [TokenStore.Record] { Array(records().values) }

  /// The valid token with this text; nil if it does not exist.
  func find(_ text: String) -> TokenStore.Record? {
    guard text.hasPrefix(TokenText.prefix), !TokenText.isDamaged(text) else { return nil }
    let key = WorkerKey(token: text)
    guard let record = record(key.id), let known = record.workerKey,
      constantTimeEqual(known.secret, key.secret), record.isValid(at: .now)
    else { return nil }
    return record
  }

  /// Whether another set of tokens is valid than at the last call: a token was made, was revoked,
  /// or has expired.
  func hasChanged() -> Bool {
    let now = Timestamp.now
    let valid = Set(records().values.lazy.filter { $0.isValid(at: now) }.map(\.id))
    return seen.withLock { seen in
      defer { seen = valid }
      return seen != valid
    }
  }

  /// Whether the token with this id is valid now.
  func isValid(_ id: String) -> Bool { record(id)?.isValid(at: .now) ?? false }

  private func record(_ id: String) -> TokenStore.Record? { records()[id] }

  private func records() -> [String: TokenStore.Record] {
    let mark = mark()
    return state.withLock { state in
      if state.isUncertain || state.mark != mark {
        // Read after the mark was taken: a change in between gives another mark next time.
        let all = store.all()
        state.records = Dictionary(all.map { ($0.id, $0) }) { $1 }
        state.mark = mark
        let changed = mark.map {
          Timestamp(milliseconds: Int64($0.seconds) * 1000 + Int64($0.nanoseconds) / 1_000_000)
        }
        state.isUncertain = changed.map { Timestamp.now - $0 < Self.tick } ?? false
      }
      return state.records
    }
  }

  /// nil if there is no folder, and so no token.
  private func mark() -> Mark? {
    var folder = stat()
    guard stat(store.folder, &folder) == 0 else { return nil }
    return Mark(
      inode: UInt64(folder.st_ino), seconds: folder.st_mtim.tv_sec,
      nanoseconds: folder.st_mtim.tv_nsec)
  }
}
