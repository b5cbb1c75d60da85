// What an agent gets to see of this machine's environment.

import Glibc
import Processes

enum AgentEnvironment {
  /// What an agent is never given, whatever its profile says: these open the server and the forge.
  static let withheld: Set = [
    "AIPM_TOKEN", "AIPM_WORKER_TOKEN", "AIPM_GITHUB_TOKEN", "AIPM_WEBHOOK_SECRET",
    "AIPM_GITHUB_APP_ID", "AIPM_GITHUB_APP_KEY_FILE", "AIPM_GITHUB_APP_INSTALLATION_ID",
  ]

  /// What every one of them needs to run at all.
  static func base(home: String) -> [String: String] {
    var environment = Command.baseEnvironment
    environment["LC_ALL"] = nil
    environment["HOME"] = home
    environment["TERM"] = "dumb"
    return environment
  }

  /// Those of the named variables that are set here and may be passed on.
  static func allowed(_ names: [String]) -> [(name: String, value: String)] {
    names.filter { !withheld.contains($0) }.compactMap { name in
      guard let value = getenv(name) else { return nil }
      return (name, String(cString: value))
    }
  }

  /// The values of those that may be secrets, to be masked in what an agent says.
  static func secrets(_ names: [String]) -> [String] {
    let words = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "AUTH"]
    return allowed(names).filter { variable in
      words.contains { variable.name.uppercased().contains($0) }
    }.map(\.value)
  }
}
