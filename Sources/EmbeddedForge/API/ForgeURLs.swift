// URLs in replies, based on the host of the request, so that they work for the client.

import Synchronization

/// The URL of the forge, whose port is known when it listens.
final class ForgeAddress: Sendable {
  private let host: String
  private let port: Mutex<Int>

  init(host: String, port: Int) {
    self.host = host
    self.port = Mutex(port)
  }

  /// Scheme, host and port, without a trailing slash.
  var base: String { "http://\(host.contains(":") ? "[\(host)]" : host):\(port.withLock { $0 })" }

  func setPort(_ bound: Int) { port.withLock { $0 = bound } }

  /// Whether the `Host` of a request is one of this forge's own: its host, or this machine's names
  /// if it listens there. Others can be names of strangers that lead to it.
  func isOwn(_ authority: String) -> Bool {
    let port = port.withLock { $0 }
    var names = [host.contains(":") ? "[\(host)]" : host]
    if names.contains("127.0.0.1") || names.contains("[::1]") || names.contains("localhost") {
      names = ["127.0.0.1", "[::1]", "localhost"]
    }
    return names.contains { authority.lowercased() == "\($0):\(port)" }
  }
}

struct ForgeURLs: Sendable {
  /// Scheme and host, without a trailing slash.
  let base: String
  /// The root of the API: `base`, or `/api/v3` below it, as in the request.
  let api: String

  /// - Parameters:
  ///   - host: the `Host` of the request; if it is invalid, `fallback` is used.
  ///   - prefix: `/api/v3`, or empty.
  init(host: String?, fallback: String, prefix: String) {
    let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]".utf8)
    if let host, !host.isEmpty, host.utf8.count <= 255, host.utf8.allSatisfy(allowed.contains) {
      base = "http://\(host)"
    } else {
      base = fallback
    }
    api = base + prefix
  }

  func api(_ repository: RepositoryRecord, _ path: String = "") -> String {
    "\(api)/repos/\(repository.fullName)\(path)"
  }

  func page(_ repository: RepositoryRecord, _ path: String = "") -> String {
    "\(base)/\(repository.fullName)\(path)"
  }
}
