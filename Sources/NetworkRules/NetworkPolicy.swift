/// The network access of the processes of one attempt.
package struct NetworkPolicy: Equatable, Sendable {
  /// The kind of access.
  package enum Mode: Equatable, Sendable {
    /// Nothing.
    case none
    /// The hosts that a rule names.
    case hosts([HostRule])
    /// Every public host on standard ports, and the connections that the rules in `also` allow.
    case publicHosts(also: [HostRule] = [])
    /// The machine's own network, without namespace and proxy.
    case host

    fileprivate var name: String {
      switch self {
      case .none: "none"
      case .hosts: "hosts"
      case .publicHosts: "public"
      case .host: "host"
      }
    }
  }

  /// The upload limit of a policy without one: 20 MiB.
  package static let uploadBytesMaxDefault = 20 << 20

  /// The rules are sorted, and no rule covers another one.
  package let mode: Mode
  /// The upload limit of the policy, in bytes; nil for the default.
  package let uploadBytesStated: Int?

  /// - Parameters:
  ///   - mode: its rules are sorted, and covered rules are left out.
  ///   - uploadBytes: how much all connections of an attempt may send together, in bytes; nil for
  ///     the default.
  package init(_ mode: Mode = .none, uploadBytes: Int? = nil) {
    switch mode {
    case .none, .host: self.mode = mode
    case .hosts(let rules): self.mode = rules.isEmpty ? .none : .hosts(Self.canonical(rules))
    case .publicHosts(let rules): self.mode = .publicHosts(also: Self.canonical(rules))
    }
    uploadBytesStated = uploadBytes.map { max(0, $0) }
  }

  /// How much all connections of an attempt may send together, in bytes.
  package var uploadBytesMax: Int { uploadBytesStated ?? Self.uploadBytesMaxDefault }

  /// The rules; empty for `none` and `host`.
  package var rules: [HostRule] {
    switch mode {
    case .none, .host: []
    case .hosts(let rules), .publicHosts(let rules): rules
    }
  }

  private static func canonical(_ rules: [HostRule]) -> [HostRule] {
    let unique = Set(rules).sorted()
    return unique.filter { rule in !unique.contains { $0 != rule && $0.covers(rule) } }
  }

  // MARK: Combining

  /// Allows what either policy allows: a workflow's policy with an agent profile's. The upload
  /// limit is this policy's if it has one, else the other's.
  package func union(_ other: NetworkPolicy) -> NetworkPolicy {
    let stated = uploadBytesStated ?? other.uploadBytesStated
    let mode: Mode =
      switch (self.mode, other.mode) {
      case (.host, _), (_, .host): .host
      case (.publicHosts, _), (_, .publicHosts): .publicHosts(also: rules + other.rules)
      case (.hosts, _), (_, .hosts): .hosts(rules + other.rules)
      case (.none, .none): .none
      }
    return NetworkPolicy(mode, uploadBytes: stated)
  }

  /// Allows what both policies allow: a policy and a repository's own file. The result never allows
  /// more than this policy. The upload limit is the smaller one; the other's default does not
  /// count.
  package func narrowed(by other: NetworkPolicy) -> NetworkPolicy {
    let stated = other.uploadBytesStated.map { min($0, uploadBytesMax) } ?? uploadBytesStated
    let mode: Mode =
      switch (self.mode, other.mode) {
      case (.none, _), (_, .none): .none
      case (.host, let mode), (let mode, .host): mode
      case (.publicHosts(let a), .publicHosts(let b)):
        .publicHosts(also: Self.common(a, b))
      case (.publicHosts(let also), .hosts(let rules)), (.hosts(let rules), .publicHosts(let also)):
        .hosts(Self.common(also, rules) + rules.compactMap(Self.publicPart))
      case (.hosts(let a), .hosts(let b)): .hosts(Self.common(a, b))
      }
    return NetworkPolicy(mode, uploadBytes: stated)
  }

  private static func common(_ a: [HostRule], _ b: [HostRule]) -> [HostRule] {
    a.flatMap { one in b.compactMap { one.intersection($0) } }
  }

  /// The part of a rule that `publicHosts` allows too.
  private static func publicPart(_ rule: HostRule) -> HostRule? {
    // All names below a special name are special; no name below a public name is special.
    if rule.name.isSpecial { return nil }
    guard let ports = rule.ports.intersection(.standard) else { return nil }
    return try? HostRule(rule.name, isWildcard: rule.isWildcard, ports: ports)
  }

  // MARK: Refusals

  /// Why a connection or request is refused before the host's address is resolved; nil if it is
  /// allowed. `IPAddress.isReachable` checks addresses.
  /// - Parameter isConnect: true for a tunnel, false for a plain HTTP request.
  package func refusal(host: HostName, port: UInt16, isConnect: Bool) -> RefusalCode? {
    if rules.contains(where: { $0.allows(host, port: port, isConnect: isConnect) }) { return nil }
    switch mode {
    case .none: return .networkOff
    case .host: return nil
    case .hosts(let rules):
      return rules.contains { $0.matches(host) } ? .portUnlisted : .hostUnlisted
    case .publicHosts:
      if host.isSpecial { return .hostSpecial }
      return HostRule.Ports.standard.contain(port, isConnect: isConnect) ? nil : .portUnlisted
    }
  }

  /// The line of a workflow that allows a connection: `network: {allow: [pypi.org]}`.
  package static func line(allowing host: HostName, port: UInt16, isConnect: Bool) -> String {
    line(allowing: [HostRule(allowing: host, port: port, isConnect: isConnect)])
  }

  /// The line of a workflow that has these rules.
  package static func line(allowing rules: [HostRule]) -> String {
    // YAML reads a leading * as an alias.
    let texts = rules.map {
      $0.description.utf8.contains(UInt8(ascii: "*")) ? "\"\($0)\"" : "\($0)"
    }
    return "network: {allow: [\(texts.joined(separator: ", "))]}"
  }
}

/// `{"mode": "hosts", "allow": ["pypi.org"], "upload": 1048576}`; an empty `allow` and a default
/// `upload` are left out. Modes: `none`, `hosts`, `public`, `host`.
extension NetworkPolicy: Codable {
  private enum Key: String, CodingKey { case mode, allow, upload }

  /// A longer list of rules is refused.
  package static let rulesMax = 2_000

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let rules = try container.decodeIfPresent([HostRule].self, forKey: .allow) ?? []
    guard rules.count <= Self.rulesMax else {
      throw NetworkFault(
        "a list of \(rules.count) hosts is too long", "write at most \(Self.rulesMax)")
    }
    let name = try container.decode(String.self, forKey: .mode)
    let modes: [Mode] = [.none, .hosts(rules), .publicHosts(also: rules), .host]
    guard let mode = modes.first(where: { $0.name == name }) else {
      throw NetworkFault(
        "\"\(PrintableHost.text(name.utf8))\" is not a mode of a network",
        "write none, hosts, public or host")
    }
    self.init(mode, uploadBytes: try container.decodeIfPresent(Int.self, forKey: .upload))
  }

  /// Leaves out an empty list and a default limit.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(mode.name, forKey: .mode)
    if !rules.isEmpty { try container.encode(rules, forKey: .allow) }
    try container.encodeIfPresent(uploadBytesStated, forKey: .upload)
  }
}
