#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// How many files and sockets this process may have open.
///
/// The limit that systems give by default (1024) is that of select(2), which can't take numbers
/// above it. What AIPM runs in its own processes uses no select(2), so it takes all that it may
/// have; programs that it knows nothing of get back what they would have had.
package enum Descriptors {
  /// Where the limit stands that was there before the first process of ours raised it: what this
  /// process starts of ours has to know it too.
  private static let variable = "AIPM_DESCRIPTORS"

  /// Raises the soft limit to the hard one. No other thread may look at the environment meanwhile,
  /// so this is called before there is any.
  package static func raise() {
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
    if getenv(variable) == nil { setenv(variable, "\(limit.rlim_cur)", 1) }
    limit.rlim_cur = limit.rlim_max
    setrlimit(resource, &limit)
  }

  /// The soft limit for programs that are not ours; nil: the one they inherit is right.
  package static var ofOthers: Int? {
    guard let text = getenv(variable), let former = Int(String(cString: text)), former > 0 else {
      return nil
    }
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0, former < limit.rlim_cur else { return nil }
    return former
  }

  #if canImport(Glibc)
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  #elseif canImport(Darwin)
    private static let resource = RLIMIT_NOFILE
  #endif
}
