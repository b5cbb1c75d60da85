// Protects the credentials of this process from other processes of its user.

import CProcess
import Glibc

/// Protects this process's memory and environment.
package enum Secrecy {
  /// Closes `/proc/self` and ptrace(2) to other processes of the same user, and excludes memory
  /// from core files. Root is not affected.
  package static func closeToOthers() { _ = cprocess_close_to_others() }

  /// Removes variables, also from `/proc/self/environ`: unsetenv alone leaves the text in the
  /// memory that the kernel shows. It changes the environment, so it is called before there are
  /// other threads.
  package static func forget(_ variables: [String]) {
    for name in variables {
      if let value = getenv(name) { memset(value, 0, strlen(value)) }
      unsetenv(name)
    }
  }
}
