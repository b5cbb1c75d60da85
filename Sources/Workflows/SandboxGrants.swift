// What an agent gets in its sandbox, as a profile says it.

import Yams

/// What an agent may use in its sandbox besides its working tree and the system's programs.
package struct SandboxGrants: Equatable, Sendable {
  package var network = true
  /// Absolute paths, or `~/…`, which the agent finds in its own HOME.
  package var readable: [String] = []
  package var writable: [String] = []

  package init(network: Bool = true, readable: [String] = [], writable: [String] = []) {
    self.network = network
    self.readable = readable
    self.writable = writable
  }
}

extension DefinitionReader {
  /// The `sandbox` of an agent.
  mutating func sandboxGrants(_ node: Node, at path: String) -> SandboxGrants {
    var grants = SandboxGrants()
    let keys = ["network", "readable", "writable"]
    guard let fields = fields(node, at: path, keys: keys) else { return grants }
    if let node = fields.values["network"] {
      grants.network = bool(node, fields.name("network")) ?? true
    }
    grants.readable = grantedPaths(fields, "readable")
    grants.writable = grantedPaths(fields, "writable")
    return grants
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
