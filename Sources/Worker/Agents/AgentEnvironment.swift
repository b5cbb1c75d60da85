// The environment of an agent.

import Glibc
import Processes
import WorkerProtocol
import Workflows

enum AgentEnvironment {
  /// Variables that no agent may see, whatever its profile says: credentials for the server and
  /// forge.
  static let withheld: Set = [
    "AIPM_TOKEN", "AIPM_WORKER_TOKEN", "AIPM_GITHUB_TOKEN", "AIPM_WEBHOOK_SECRET",
    "AIPM_GITHUB_APP_ID", "AIPM_GITHUB_APP_KEY_FILE", "AIPM_GITHUB_APP_INSTALLATION_ID",
  ]

  /// The variables that every agent needs.
  static func base(home: String) -> [String: String] {
    var environment = Command.baseEnvironment
    environment["LC_ALL"] = nil
    environment["HOME"] = home
    environment["TERM"] = "dumb"
    return environment
  }

  /// A variable of this machine; nil if it is unset or empty.
  static func ofMachine(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Those of the named variables that are set here and may be passed on.
  static func allowed(_ names: [String]) -> [(name: String, value: String)] {
    names.filter { !withheld.contains($0) }.compactMap { name in
      guard let value = getenv(name) else { return nil }
      return (name, String(cString: value))
    }
  }

  /// The variables of an agent besides `base`.
  /// - Parameter network: of its sandbox; nil if it runs without one.
  static func of(_ call: AgentCall, network: SandboxNetwork?) -> [String: String] {
    var environment: [String: String] = [:]
    for (name, value) in allowed(call.environment) { environment[name] = value }
    for toolchain in call.sandbox?.toolchains ?? [] {
      environment.merge(toolchain.environment) { own, _ in own }
    }
    // The addresses and placeholders of the sandbox override the operator's settings.
    if let network { environment.merge(network.environment) { $1 } }
    return environment
  }

  /// A variable of this machine that an agent with these names may have.
  static func value(of name: String, among names: [String]) -> String? {
    names.contains(name) ? allowed([name]).first?.value : nil
  }

  /// The values of those that may be secrets, to be masked in output.
  static func secrets(_ names: [String]) -> [String] {
    allowed(secretNames(names)).map(\.value)
  }

  /// Those of the variables set here that may hold a secret, by their names.
  static func secretNames(_ names: [String]) -> [String] {
    let words = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "AUTH"]
    return allowed(names).map(\.name).filter { name in
      words.contains { name.uppercased().contains($0) }
    }
  }
}
