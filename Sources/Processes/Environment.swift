// What a program needs to run at all, taken from our own environment.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension Command {
  /// `PATH`, `HOME` and `TMPDIR` of this process where it has them, and a UTF-8 locale whose
  /// messages are not translated.
  package static var baseEnvironment: [String: String] {
    var environment = ["LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"]
    for name in ["PATH", "HOME", "TMPDIR"] {
      if let value = getenv(name) { environment[name] = String(cString: value) }
    }
    if environment["PATH"] == nil { environment["PATH"] = "/usr/local/bin:/usr/bin:/bin" }
    return environment
  }
}
