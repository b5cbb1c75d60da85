// What an agent gets in its sandbox, as a profile says it.

import Domain
import NetworkRules
import Yams

/// What an agent may use in its sandbox besides its working tree and the system's programs.
package struct SandboxGrants: Equatable, Sendable {
  /// What it may reach; a workflow adds to it.
  package var network: NetworkPolicy
  /// Absolute paths, or `~/…`, which the agent finds in its own HOME.
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

/// Programs that people install into their home, beside much that no agent should read.
package enum Toolchain: String, CaseIterable, Codable, Sendable {
  case rustup, uv, nvm, pyenv
}

extension DefinitionReader {
  /// The `sandbox` of an agent.
  mutating func sandboxGrants(_ node: Node, at path: String) -> SandboxGrants {
    var grants = SandboxGrants()
    let keys = ["network", "readable", "writable", "toolchains"]
    guard let fields = fields(node, at: path, keys: keys) else { return grants }
    // The key of earlier versions, which knew the whole network or none.
    if let node = fields.values["network"], let isOpen = bool(node, fields.name("network")) {
      grants.network = NetworkPolicy(isOpen ? .publicHosts() : .none)
    }
    grants.readable = grantedPaths(fields, "readable")
    grants.writable = grantedPaths(fields, "writable")
    if let node = fields.values["toolchains"] {
      grants.toolchains = toolchains(node, fields.name("toolchains"))
    }
    return grants
  }

  private mutating func toolchains(_ node: Node, _ name: String) -> [Toolchain] {
    (texts(node, name) ?? []).compactMap { item in
      if let toolchain = Toolchain(rawValue: item.text) { return toolchain }
      note(
        item.node.place, "\(name) names the unknown toolchain \"\(item.text)\"",
        Spelling.hint(for: item.text, in: Toolchain.allCases.map(\.rawValue)))
      return nil
    }
  }

  private mutating func grantedPaths(_ fields: Fields, _ key: String) -> [String] {
    guard let node = fields.values[key] else { return [] }
    let items = texts(node, fields.name(key)) ?? []
    for item in items {
      let parts = item.text.split(separator: "/")
      let isRooted = item.text.hasPrefix("/") || item.text.hasPrefix("~/")
      if !isRooted || parts.contains("..") || item.text == "/" || item.text == "~/" {
        note(
          item.node.place, "\(fields.name(key)): \"\(item.text)\" is not a path of this machine",
          "write an absolute path, or ~/ and one below the home, without ..")
      }
    }
    return items.map(\.text)
  }
}
