// The permissions of an agent in its sandbox, as in a profile.

import Domain
import NetworkRules

/// What an agent may use in its sandbox, in addition to its working tree and system programs.
package struct SandboxGrants: Codable, Equatable, Sendable {
  /// Its network access; a workflow adds to it.
  package var network: NetworkPolicy
  /// Absolute paths, or `~/…`, which appear in the agent's own HOME.
  package var readable: [String]
  package var writable: [String]
  /// Toolchains of the worker's home that the agent may run.
  package var toolchains: [Toolchain]

  package init(
    network: NetworkPolicy = NetworkPolicy(), readable: [String] = [], writable: [String] = [],
    toolchains: [Toolchain] = []
  ) {
    self.network = network
    self.readable = readable
    self.writable = writable
    self.toolchains = toolchains
  }
}

/// Programs in a user's home, beside private files that no agent should read.
package enum Toolchain: String, CaseIterable, Codable, Sendable {
  case rustup, uv, nvm, pyenv
}

extension DefinitionReader {
  /// Reads an agent's `sandbox`.
  mutating func sandboxGrants(_ field: Field?) -> SandboxGrants {
    var grants = SandboxGrants()
    let keys = ["network", "readable", "writable", "toolchains"]
    guard let fields = fields(field, keys: keys) else { return grants }
    // The key of earlier versions: the whole network, or none.
    if let isOpen = bool(fields["network"]) {
      grants.network = NetworkPolicy(isOpen ? .publicHosts() : .none)
    }
    grants.readable = grantedPaths(fields["readable"])
    grants.writable = grantedPaths(fields["writable"])
    grants.toolchains = toolchains(fields["toolchains"])
    return grants
  }

  private mutating func toolchains(_ field: Field?) -> [Toolchain] {
    (texts(field) ?? []).compactMap { item in
      if let toolchain = Toolchain(rawValue: item.text) { return toolchain }
      note(
        item.position, "\(field?.name ?? "") names the unknown toolchain \"\(item.text)\"",
        Spelling.hint(for: item.text, in: Toolchain.allCases.map(\.rawValue)))
      return nil
    }
  }

  private mutating func grantedPaths(_ field: Field?) -> [String] {
    let items = texts(field) ?? []
    for item in items {
      let parts = item.text.split(separator: "/")
      let isRooted = item.text.hasPrefix("/") || item.text.hasPrefix("~/")
      if !isRooted || parts.contains("..") || item.text == "/" || item.text == "~/" {
        note(
          item.position, "\(field?.name ?? ""): \"\(item.text)\" is not an absolute path",
          "write an absolute path, or ~/ and one below the home, without ..")
      }
    }
    return items.map(\.text)
  }
}
