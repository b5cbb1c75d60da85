// Unix sockets in folders of any depth.
//
// The address of a unix socket holds 108 bytes at most (unix(7)), and data folders can be deep. So
// the folder is opened, and a socket in it is called by the number of the open folder, which is
// short whatever the folder's own path is. A process that opened the folder reaches its sockets
// also when it may no longer enter the folders above.

import CProcess

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A folder of sockets, held open.
package final class SocketFolder: Sendable {
  private let descriptor: Int32

  /// The folder could not be opened.
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  package init(_ path: String) throws(Fault) {
    // Passing through is enough: the folder need not be readable.
    descriptor = cprocess_hold(path)
    guard descriptor >= 0 else {
      throw Fault(description: "the folder \(path): \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  /// The path of a socket in it, short enough for an address, valid in this process.
  package func path(of name: String) -> String { "/proc/self/fd/\(descriptor)/\(name)" }
}
