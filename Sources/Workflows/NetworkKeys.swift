// What a definition says of the network: `network` of a workflow, of an agent, and of a
// repository's own file, all of the same shape.
//
//   network: {allow: [registry.npmjs.org, pypi], upload: 20MiB}
//   network: public      every public host
//   network: none        nothing
//   network: host        the machine's own network, without walls

import NetworkRules
import Yams

extension DefinitionReader {
  /// A `network`.
  /// - Parameter name: of the key, as messages name it.
  mutating func network(_ node: Node, _ name: String) -> NetworkPolicy {
    if case .scalar = node { return networkWord(node, name) }
    guard let fields = fields(node, at: name, keys: ["allow", "upload"]) else {
      return NetworkPolicy()
    }
    var rules: [HostRule] = []
    for item in fields.values["allow"].flatMap({ texts($0, fields.name("allow")) }) ?? [] {
      do throws(NetworkFault) { rules += try HostSet.rules(of: item.text) } catch {
        note(item.node.place, "\(fields.name("allow")): \(error.message)", error.instead)
      }
    }
    if rules.count > NetworkPolicy.rulesMax {
      note(
        node.place, "\(fields.name("allow")) has more than \(NetworkPolicy.rulesMax) hosts",
        "write fewer, or network: public")
    }
    let upload = fields.values["upload"].flatMap {
      size($0, fields.name("upload"), in: 0...(1 << 40))
    }
    return NetworkPolicy(.hosts(rules), uploadBytes: upload)
  }

  private mutating func networkWord(_ node: Node, _ name: String) -> NetworkPolicy {
    let words = ["none", "public", "host"]
    guard let word = text(node, name) else { return NetworkPolicy() }
    switch word {
    case "none": return NetworkPolicy(.none)
    case "public": return NetworkPolicy(.publicHosts())
    case "host": return NetworkPolicy(.host)
    default:
      note(
        node.place, "\(name) is \"\(word)\"",
        "write {allow: [HOST, …]}, or one of \(words.joined(separator: ", "))")
      return NetworkPolicy()
    }
  }
}

extension NetworkPolicy {
  /// What `--agent-allow` names: hosts, sets of hosts, or one of the words that stand for a whole
  /// policy.
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
