// What a process that holds credentials does so that others of its user do not read them off it.

import CProcess

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Keeps this process's memory and environment to itself.
package enum Secrecy {
  /// Closes `/proc/self` and ptrace(2) to other processes of the same user, and keeps memory out of
  /// core files. Root may look all the same.
  package static func closeToOthers() { _ = cprocess_close_to_others() }

  /// Takes variables away, also out of what `/proc/self/environ` shows: unsetting one alone leaves
  /// its text where the kernel put it. No other thread may look at the environment meanwhile, so
  /// this is called before there is any.
  package static func forget(_ variables: [String]) {
    for name in variables {
      if let value = getenv(name) { memset(value, 0, strlen(value)) }
      unsetenv(name)
    }
  }
}
