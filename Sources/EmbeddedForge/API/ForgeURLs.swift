// Addresses in answers, built from the host that the client used, so that they work for it.

struct ForgeURLs: Sendable {
  /// Scheme and host, without a slash at the end.
  let base: String
  /// Where the API begins: `base`, or below it `/api/v3`, as the client called it.
  let api: String

  /// - Parameters:
  ///   - host: the `Host` of the request; one that is none is passed over for `fallback`.
  ///   - prefix: `/api/v3`, or nothing.
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
