// URLs in replies, based on the host of the request, so that they work for the client.

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
