import Glibc

/// Why a server cannot listen on an address.
package struct ListenFault: Error, Equatable, CustomStringConvertible {
  package let host: String
  package let port: Int
  /// The system's code (`errno`).
  package let code: Int32

  package init(host: String, port: Int, code: Int32) {
    self.host = host
    self.port = port
    self.code = code
  }

  /// Whether another program listens on the address.
  package var isInUse: Bool { code == EADDRINUSE }

  /// The problem and the solution, for flags `--host` and `--port`.
  package var description: String {
    switch code {
    case EADDRINUSE:
      "port \(port) on \(host) is in use by another program; choose another with --port, or take "
        + "a free one with --port 0"
    case EACCES, EPERM:
      "this user may not listen on port \(port); choose one above 1023 with --port"
    case EADDRNOTAVAIL:
      "\(host) is not an address of this machine; choose another with --host"
    case EAFNOSUPPORT: "this machine cannot listen on \(host); choose another with --host"
    case _:
      "cannot listen on \(host), port \(port): \(String(cString: strerror(code)))"
    }
  }
}
