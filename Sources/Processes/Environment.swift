// The variables that every program needs, from this process's environment.

import Glibc

extension Command {
  /// `PATH`, `HOME` and `TMPDIR` of this process if they are set, and a UTF-8 locale with
  /// untranslated messages.
  package static var baseEnvironment: [String: String] {
    var environment = ["LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"]
    for name in ["PATH", "HOME", "TMPDIR"] {
      if let value = getenv(name) { environment[name] = String(cString: value) }
    }
    if environment["PATH"] == nil { environment["PATH"] = "/usr/local/bin:/usr/bin:/bin" }
    return environment
  }
}
