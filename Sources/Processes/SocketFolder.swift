// Unix sockets in folders at any depth.
//
// The address of a unix socket has at most 108 bytes (unix(7)), and data folders can be deep. So
// the folder is opened, and its sockets are addressed by the number of the open folder, which is
// short. A process that opened the folder reaches its sockets even if it may no longer enter the
// folders above.

import CProcess
import Glibc

/// An open folder of sockets.
package final class SocketFolder: Sendable {
  private let descriptor: Int32

  /// The folder could not be opened.
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  package init(_ path: String) throws(Fault) {
    // Search permission is enough: the folder need not be readable.
    descriptor = cprocess_hold(path)
    guard descriptor >= 0 else {
      throw Fault(description: "the folder \(path): \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  /// The path of a socket in it, short enough for an address, and valid only in this process.
  package func path(of name: String) -> String { "/proc/self/fd/\(descriptor)/\(name)" }
}
