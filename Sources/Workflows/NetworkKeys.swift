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
  mutating func network(_ field: Field) -> NetworkPolicy {
    if case .scalar = field.node { return networkMode(field) }
    guard let fields = fields(field, keys: ["allow", "upload"]) else { return NetworkPolicy() }
    let name = fields.name("allow")
    var rules: [HostRule] = []
    for item in texts(fields["allow"]) ?? [] {
      do throws(NetworkFault) { rules += try HostSet.rules(of: item.text) } catch {
        note(item.position, "\(name): \(error.message)", error.instead)
      }
    }
    if rules.count > NetworkPolicy.rulesMax {
      note(
        field.position, "\(name) has more than \(NetworkPolicy.rulesMax) hosts",
        "write fewer, or network: public")
    }
    return NetworkPolicy(
      .hosts(rules), uploadBytes: size(fields["upload"], in: 0...(1 << 40)))
  }

  private mutating func networkMode(_ field: Field) -> NetworkPolicy {
    switch text(field) {
    case nil: return NetworkPolicy()
    case "none": return NetworkPolicy(.none)
    case "public": return NetworkPolicy(.publicHosts())
    case "host": return NetworkPolicy(.host)
    case let mode?:
      note(
        field, "is \"\(mode)\"",
        "write {allow: [HOST, …]}, or one of none, public, host")
      return NetworkPolicy()
    }
  }
}

extension NetworkPolicy {
  /// Parses `--agent-allow`: hosts, sets of hosts, or the name of a mode.
  package static func named(_ entries: [String]) throws(NetworkFault) -> NetworkPolicy {
    switch entries {
    case [], ["none"]: NetworkPolicy(.none)
    case ["public"]: NetworkPolicy(.publicHosts())
    case ["host"]: NetworkPolicy(.host)
    case let entries: NetworkPolicy(.hosts(try HostSet.rules(of: entries)))
    }
  }
}
