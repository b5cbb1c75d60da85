import EventLog
import FoundationEssentials
import Logging
import Projections
import Server
import Text

/// What this server has in common with all servers of its store, in its data folder: tokens and
/// secrets. With a store that is the data folder itself there is nothing of it.
struct SharedState: Sendable {
  /// The secrets that are the same on all servers: those that workers and the forge prove
  /// themselves with. They are in the store as they are in the folder, in plain text.
  static let secrets = ["worker-token", "webhook-secret", ServerProcess.serversSecret]
  private static let secretBytesMax = 4096

  private let tokens: SharedTokens

  /// Takes the secrets of the store, if it has some already, in place of the folder's own. It is
  /// called before the folder's secrets are used.
  /// - Returns: whether the store has all of them.
  /// - Throws: `Failure` if the store cannot be reached, or the folder not written.
  static func takeSecrets(
    from driver: any StoreDriver, into folder: DataFolder
  ) async throws -> Bool {
    let files: (any SharedFiles)?
    do throws(StoreFault) {
      files = try await driver.sharedFiles()
    } catch { throw Failure("the log cannot be opened: \(error)") }
    guard let files else { return false }
    var hasAll = true
    for name in secrets where try await !take(name, from: files, into: folder) { hasAll = false }
    return hasAll
  }

  /// Exchanges secrets and tokens with the other servers. It is called after the store was opened
  /// and before a token is accepted.
  /// - Parameter files: nil if the data folder is the one place.
  /// - Returns: nil if `files` is.
  /// - Throws: `Failure` if the store or the folder cannot be read or written; or if another server
  ///   put its secrets there since `takeSecrets`.
  static func begin(
    _ files: (any SharedFiles)?, _ folder: DataFolder, _ tokens: TokenStore
  ) async throws -> SharedState? {
    guard let files else { return nil }
    for name in secrets { try await give(name, of: folder, to: files) }
    let shared = SharedState(tokens: SharedTokens(tokens, files))
    do throws(TokenStore.Fault) {
      try await shared.tokens.exchange()
    } catch { throw Failure("the tokens of the servers: \(error)") }
    return shared
  }

  /// Moves outputs of this machine from before to where all servers find them.
  /// - Throws: `Failure` if the store or the folder cannot be read or written.
  static func share(outputsOf server: Server) async throws {
    do {
      try await server.shareOutputs()
    } catch { throw Failure("the outputs of this machine cannot be shared: \(error)") }
  }

  /// Exchanges tokens each second, until the task is cancelled.
  func follow(_ logger: Logger) async {
    var isFailing = false
    while (try? await Task.sleep(for: .seconds(1))) != nil {
      do throws(TokenStore.Fault) {
        try await tokens.exchange()
        isFailing = false
      } catch {
        if !isFailing { logger.error("tokens are not exchanged with other servers: \(error)") }
        isFailing = true
      }
    }
  }

  /// - Returns: whether the folder has the secret of the store now; false if the store has none.
  private static func take(
    _ name: String, from files: any SharedFiles, into folder: DataFolder
  ) async throws -> Bool {
    let bytes: [UInt8]?
    do throws(SharedFileFault) {
      bytes = try await files.whole("secrets/\(name)", atMost: secretBytesMax)
    } catch { throw Failure("the secrets of the servers: \(error)") }
    guard let bytes, let text = String(validating: bytes, as: UTF8.self)?.trimmedEnd, !text.isEmpty
    else { return false }
    if try folder.read("secrets/\(name)") != text {
      try folder.write(text + "\n", to: "secrets/\(name)")
    }
    return true
  }

  /// Puts a secret of the folder into the store, if it has none.
  private static func give(
    _ name: String, of folder: DataFolder, to files: any SharedFiles
  ) async throws {
    let own = try folder.secret(name)
    do throws(SharedFileFault) {
      try await files.write(Array((own + "\n").utf8), to: "secrets/\(name)", at: 0, of: 0)
      return
    } catch {
      guard case .changed = error else { throw Failure("the secrets of the servers: \(error)") }
    }
    _ = try await take(name, from: files, into: folder)
    guard try folder.secret(name) == own else {
      // Texts are already masked by the old ones.
      throw Failure("another server put its secrets into the store meanwhile: start this one again")
    }
  }
}
