import Glibc
import Terminal

/// The service manager that started this process, such as systemd, which waits for messages of a
/// unit with `Type=notify` (sd_notify(3)). Without one, nothing is sent.
struct ServiceManager: Sendable {
  enum State {
    /// Requests are accepted. The status is one line for people.
    case ready(status: String)
    case stopping
  }

  /// The environment variable with the address of its socket.
  static let variable = "NOTIFY_SOCKET"

  private let address: String?

  init(environment: [String: String]) {
    address = environment[Self.variable].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Reports the state. A failure is printed: the service manager would end the process after a
  /// timeout without a reason.
  func notify(_ state: State) {
    guard let address else { return }
    let message =
      switch state {
      case .ready(let status): "READY=1\nSTATUS=\(status)\n"
      case .stopping: "STOPPING=1\nSTATUS=Stopping\n"
      }
    guard let code = Self.send(message, to: address) else { return }
    Terminal.complain(
      "aipm: the service manager at \(address.safe()) was not notified: \(SystemWords.of(code))")
  }

  /// Sends a datagram to a unix socket. `@` stands for the zero byte of an abstract address.
  /// - Returns: the error number; nil if it was sent.
  private static func send(_ message: String, to address: String) -> Int32? {
    var target = sockaddr_un()
    target.sun_family = sa_family_t(AF_UNIX)
    var path = Array(address.utf8)
    let isAbstract = path.first == UInt8(ascii: "@")
    if isAbstract { path[0] = 0 }
    // A path in the file system ends with a zero byte.
    let capacity = MemoryLayout.size(ofValue: target.sun_path) - (isAbstract ? 0 : 1)
    guard path.count <= capacity else { return ENAMETOOLONG }
    withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: path) }
    let length = socklen_t(MemoryLayout<sockaddr_un>.size - capacity + path.count)
    let socket = Glibc.socket(
      AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { return errno }
    defer { close(socket) }
    let bytes = Array(message.utf8)
    let sent = withUnsafePointer(to: &target) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, length)
      }
    }
    return sent == bytes.count ? nil : errno
  }
}
