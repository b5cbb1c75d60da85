// The key `network` of a workflow, of an agent, and of a repository's own file.
//
//   network: {allow: [registry.npmjs.org, pypi], upload: 20MiB}
//   network: public      every public host
//   network: none        nothing
//   network: host        the machine's own network, without restrictions

import NetworkRules
import Yams

extension DefinitionReader {
  /// Reads a `network`.
  /// - Parameter name: the key's name in messages.
  mutating func network(_ node: Node, _ name: String) -> NetworkPolicy {
    if case .scalar = node { return networkMode(node, name) }
    guard let fields = fields(node, at: name, keys: ["allow", "upload"]) else {
      return NetworkPolicy()
    }
    var rules: [HostRule] = []
    for item in fields.values["allow"].flatMap({ texts($0, fields.name("allow")) }) ?? [] {
      do throws(NetworkFault) { rules += try HostSet.rules(of: item.text) } catch {
        note(item.node.position, "\(fields.name("allow")): \(error.message)", error.instead)
      }
    }
    if rules.count > NetworkPolicy.rulesMax {
      note(
        node.position, "\(fields.name("allow")) has more than \(NetworkPolicy.rulesMax) hosts",
        "write fewer, or network: public")
    }
    let upload = fields.values["upload"].flatMap {
      size($0, fields.name("upload"), in: 0...(1 << 40))
    }
    return NetworkPolicy(.hosts(rules), uploadBytes: upload)
  }

  private mutating func networkMode(_ node: Node, _ name: String) -> NetworkPolicy {
    let modes = ["none", "public", "host"]
    guard let mode = text(node, name) else { return NetworkPolicy() }
    switch mode {
    case "none": return NetworkPolicy(.none)
    case "public": return NetworkPolicy(.publicHosts())
    case "host": return NetworkPolicy(.host)
    default:
      note(
        node.position, "\(name) is \"\(mode)\"",
        "write {allow: [HOST, …]}, or one of \(modes.joined(separator: ", "))")
      return NetworkPolicy()
    }
  }
}

extension NetworkPolicy {
  /// Parses `--agent-allow`: hosts, sets of hosts, or the name of a mode.
  package static func named(_ entries: [String]) throws(NetworkFault) -> NetworkPolicy {
    switch entries {
    case []: NetworkPolicy(.none)
    case ["none"]: NetworkPolicy(.none)
    case ["public"]: NetworkPolicy(.publicHosts())
    case ["host"]: NetworkPolicy(.host)
    case let entries: NetworkPolicy(.hosts(try HostSet.rules(of: entries)))
    }
  }
}
