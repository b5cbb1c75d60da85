import Domain
import Projections
import Synchronization

/// Shared files in memory, for tests and the simulation. The same conformance suite tests them as
/// those of a database.
package final class InMemoryFiles: SharedFiles {
  private struct File {
    var bytes: [UInt8]
    var version: Int64
  }

  private struct State {
    var files: [String: File] = [:]
    var epoch = 1
    /// How many further calls fail.
    var failures = 0
    var writes = 0
  }

  private let state: Store
  /// The claim that writes carry; nil: none.
  private let epoch: Int?

  private final class Store: Sendable {
    let values = Mutex(State())
  }

  /// Empty ones, as the first server has them.
  package init() {
    state = Store()
    epoch = 1
  }

  private init(_ state: Store, epoch: Int?) {
    self.state = state
    self.epoch = epoch
  }

  /// The same files, as the server has them that takes over now. Writes of all earlier ones change
  /// nothing from now on.
  package func takenOver() -> InMemoryFiles {
    let epoch = state.values.withLock { state in
      state.epoch += 1
      return state.epoch
    }
    return InMemoryFiles(state, epoch: epoch)
  }

  /// The same files, for a program without a claim.
  package var unbound: InMemoryFiles { InMemoryFiles(state, epoch: nil) }

  /// The next calls fail, this many.
  package func fail(_ count: Int) { state.values.withLock { $0.failures = count } }

  /// The number of writes that were carried out.
  package var writes: Int { state.values.withLock { $0.writes } }

  private func with<T: Sendable>(
    isWriting: Bool = false, _ body: (inout State) throws(SharedFileFault) -> T
  ) throws(SharedFileFault) -> T {
    let result = state.values.withLock { state -> Result<T, SharedFileFault> in
      if state.failures > 0 {
        state.failures -= 1
        return .failure(.unavailable("a test made it fail"))
      }
      if isWriting, let epoch, epoch != state.epoch { return .failure(.taken) }
      if isWriting { state.writes += 1 }
      return Result { () throws(SharedFileFault) in try body(&state) }
    }
    return try result.get()
  }

  /// See `SharedFiles`.
  package func read(
    _ path: String, from offset: Int, atMost count: Int
  ) async throws(SharedFileFault) -> SharedPiece? {
    try with { state in
      guard let bytes = state.files[path]?.bytes else { return nil }
      let count = min(max(0, count), SharedFileLimits.readMax)
      return SharedPiece(
        bytes: Array(bytes.dropFirst(max(0, offset)).prefix(count)), length: bytes.count)
    }
  }

  /// See `SharedFiles`.
  package func write(
    _ bytes: [UInt8], to path: String, at offset: Int, of length: Int
  ) async throws(SharedFileFault) {
    guard SharedFileLimits.allow(path, bytes.count, endingAt: offset + bytes.count) else {
      throw .tooLarge(path)
    }
    guard offset >= 0, offset <= length, !bytes.isEmpty || offset == length else {
      throw .changed(length: length)
    }
    try with(isWriting: true) { state throws(SharedFileFault) in
      let known = state.files[path]
      guard known?.bytes.count ?? 0 == length else {
        throw .changed(length: known?.bytes.count ?? 0)
      }
      state.files[path] = File(
        bytes: Array(known?.bytes.prefix(offset) ?? []) + bytes, version: (known?.version ?? 0) + 1)
    }
  }

  /// See `SharedFiles`.
  package func replace(_ path: String, with bytes: [UInt8]) async throws(SharedFileFault) {
    guard SharedFileLimits.allow(path, bytes.count, endingAt: bytes.count) else {
      throw .tooLarge(path)
    }
    try with(isWriting: true) { state in
      state.files[path] = File(bytes: bytes, version: (state.files[path]?.version ?? 0) + 1)
    }
  }

  /// See `SharedFiles`.
  package func list(_ folder: String) async throws(SharedFileFault) -> [SharedFile] {
    try with { state in
      state.files.filter { $0.key.hasPrefix(folder + "/") }.map { path, file in
        SharedFile(
          path: path, length: file.bytes.count, version: file.version,
          changed: Timestamp(milliseconds: 0))
      }.sorted { Array($0.path.utf8).lexicographicallyPrecedes(Array($1.path.utf8)) }
    }
  }

  /// See `SharedFiles`.
  package func names(in folder: String) async throws(SharedFileFault) -> [String] {
    let paths = try await list(folder).map(\.path)
    return Array(
      Set(paths.map { String($0.dropFirst(folder.count + 1).prefix { $0 != "/" }) }))
  }

  /// See `SharedFiles`.
  @discardableResult
  package func remove(_ path: String) async throws(SharedFileFault) -> [String] {
    try with(isWriting: true) { state in
      let gone = state.files.keys.filter { $0 == path || $0.hasPrefix(path + "/") }
      for name in gone { state.files[name] = nil }
      return Array(gone)
    }
  }
}
