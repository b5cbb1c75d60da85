import Glibc
import Processes
import WorkerProtocol

/// The unix socket of local workers: in a folder of the data folder, which no sandbox shows. It is
/// bound under another name and takes its place when it is its owner's alone, so nobody ever meets
/// one that is open to others.
struct WorkerSocket: Sendable {
  private let folder: SocketFolder
  private static let unfinished = "server.new"

  /// - Throws: where the folder cannot be opened.
  init(_ path: String) throws { folder = try SocketFolder(path) }

  /// The path to bind it to.
  func fresh() throws -> String {
    let path = folder.path(of: Self.unfinished)
    unlink(path)
    return path
  }

  /// Puts the socket that was bound in its place.
  /// - Parameter owner: who may connect; nil: this user.
  /// - Returns: what is wrong, for people; nil: nothing.
  func open(owner: UnprivilegedUser?) -> String? {
    let bound = folder.path(of: Self.unfinished)
    guard chmod(bound, 0o600) == 0,
      owner.map({ chown(bound, $0.id, $0.group) == 0 }) ?? true,
      rename(bound, folder.path(of: WorkerSocketName.server)) == 0
    else { return "the socket of local workers: \(String(cString: strerror(errno)))" }
    return nil
  }
}
