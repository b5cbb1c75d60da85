import Glibc
import Processes
import WorkerProtocol

/// The unix socket of local workers, in a folder of the data folder that no sandbox can see. It is
/// bound under another name and renamed after its mode is set, so it is never open to others.
struct WorkerSocket: Sendable {
  private let folder: SocketFolder
  private static let unfinished = "server.new"

  /// - Throws: if the folder cannot be opened.
  init(_ path: String) throws { folder = try SocketFolder(path) }

  /// The path to bind.
  func fresh() throws -> String {
    let path = folder.path(of: Self.unfinished)
    unlink(path)
    return path
  }

  /// Renames the bound socket.
  /// - Parameter owner: the user who may connect; nil: this user.
  /// - Returns: the error, for people; nil if it succeeded.
  func open(owner: UnprivilegedUser?) -> String? {
    let bound = folder.path(of: Self.unfinished)
    guard chmod(bound, 0o600) == 0,
      owner.map({ chown(bound, $0.id, $0.group) == 0 }) ?? true,
      rename(bound, folder.path(of: WorkerSocketName.server)) == 0
    else { return "the socket of local workers: \(String(cString: strerror(errno)))" }
    return nil
  }
}
