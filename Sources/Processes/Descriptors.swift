import Glibc

/// The limit of open files and sockets of this process.
///
/// The usual default (1024) is the limit of select(2), which fails for higher descriptors. AIPM's
/// own processes do not use select(2), so they raise the limit to the maximum. Programs that AIPM
/// does not control get the original limit.
package enum Descriptors {
  /// The limit before AIPM's first process raised it. AIPM's child processes inherit it.
  private static let variable = "AIPM_DESCRIPTORS"

  /// Raises the soft limit to the hard limit. It changes the environment, so it is called before
  /// there are other threads.
  package static func raise() {
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
    if getenv(variable) == nil { setenv(variable, "\(limit.rlim_cur)", 1) }
    limit.rlim_cur = limit.rlim_max
    setrlimit(resource, &limit)
  }

  /// The soft limit for programs that are not part of AIPM; nil if the inherited one is right.
  package static var ofOthers: Int? {
    guard let text = getenv(variable), let former = Int(String(cString: text)), former > 0 else {
      return nil
    }
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0, former < limit.rlim_cur else { return nil }
    return former
  }

  private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
}
