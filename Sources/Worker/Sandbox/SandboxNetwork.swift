// The network of a sandbox: the listeners on its 127.0.0.1, and the variables that name them.
//
// There is one listener for the proxy, which applies the policy of the attempt, and one for each
// service whose credential stays outside. The attempt's ledger records all connections and
// refusals. A persistent agent runs several attempts in turn; `begin` switches its network to each.

import Egress
import Glibc
import HTTPClient
import NetworkRules
import WorkerProtocol
import Workflows

/// The operator's settings for the network of agents.
package struct EgressOptions: Sendable {
  /// Private ranges that agents may reach if a rule names the host.
  package var permitted: [AddressRange] = []
  /// Ports on which AIPM listens on this machine.
  package var ownPorts: Set<UInt16> = []

  package init() {}
}

final class SandboxNetwork: Sendable {
  /// The proxy's port inside; the gateways have the following ones.
  static let proxyPort = 3128

  /// The network for the sandbox's options.
  let plan: Sandbox.Network
  let environment: [String: String]
  let keys: AgentKeys
  /// The proxy and the gateways, in the order of the listeners.
  private let servers: [EgressProxy]

  init(
    _ call: AgentCall, _ options: EgressOptions,
    resolver: any NameResolver = SandboxNetwork.resolver
  ) {
    var configuration = EgressConfiguration()
    configuration.permitted = options.permitted
    configuration.own = options.ownPorts.sorted().map { OwnEndpoint(port: $0) }
    var servers = [EgressProxy(configuration: configuration, resolver: resolver)]
    let isMachines = call.sandbox?.network.mode == .host
    var environment: [String: String] = [:]
    var outside: [String] = []
    for endpoint in isMachines ? [] : call.endpoints ?? [] {
      // A key or an address that the gateway cannot use is passed to the agent.
      guard let upstream = Self.upstream(endpoint, of: call) else { continue }
      // The gateway appends the path itself.
      let port = Self.proxyPort + servers.count
      environment[endpoint.baseURLVariable] = "http://127.0.0.1:\(port)"
      servers.append(
        EgressProxy(
          configuration: configuration, resolver: resolver,
          gateway: KeyGateway(upstream: upstream.target, client: Self.client)))
      if upstream.hasKey, let variable = endpoint.variable {
        environment[variable] = Self.placeholder
        outside.append(variable)
      }
    }
    self.servers = servers
    plan = isMachines ? .machine : .own(listeners: servers.indices.map { Self.proxyPort + $0 })
    if !isMachines { environment.merge(Self.proxyVariables) { own, _ in own } }
    self.environment = environment
    let secret = AgentEnvironment.secretNames(call.environment)
    keys = AgentKeys(outside: outside, inside: secret.filter { !outside.contains($0) })
  }

  /// The value of a key's variable if the key stays outside; some programs require one.
  static let placeholder = "aipm-adds-the-key-outside"

  /// Uses the operator's own proxy and authorities, if there are any.
  private static let client = HTTPClient(
    configuration: .init(
      userAgent: "aipm",
      authoritiesFile: HTTPClient.Configuration.authoritiesOfEnvironment,
      proxy: .environment, maxConnectionsPerHost: 64))

  /// A gateway's upstream with its credential; nil if there is neither a key to keep outside nor an
  /// address from the operator.
  private static func upstream(
    _ endpoint: ModelEndpoint, of call: AgentCall
  ) -> (target: GatewayUpstream, hasKey: Bool)? {
    func value(_ name: String) -> String? {
      let value = AgentEnvironment.value(of: name, among: call.environment)
      return value?.isEmpty == true ? nil : value
    }
    let given = value(endpoint.baseURLVariable)
    let key = endpoint.variable.flatMap(value)
    guard given != nil || key != nil, let url = given ?? endpoint.upstream else { return nil }
    do throws(EgressFault) {
      var credential: GatewayUpstream.Credential?
      if let key, let header = endpoint.header {
        let prefix = endpoint.scheme.isEmpty ? "" : "\(endpoint.scheme) "
        credential = try .init(name: header, prefix: prefix, secret: key)
      }
      return (try GatewayUpstream(baseURL: url, credential: credential), credential != nil)
    } catch {
      return nil
    }
  }

  /// The variables by which most programs find a proxy. The sandbox's loopback needs none.
  private static let proxyVariables: [String: String] = {
    let proxy = "http://127.0.0.1:\(proxyPort)"
    let direct = "localhost,127.0.0.1,::1"
    let java = ["http", "https"].map {
      "-D\($0).proxyHost=127.0.0.1 -D\($0).proxyPort=\(proxyPort)"
    }
    .joined(separator: " ")
    return [
      "HTTP_PROXY": proxy, "http_proxy": proxy, "HTTPS_PROXY": proxy, "https_proxy": proxy,
      "NO_PROXY": direct, "no_proxy": direct,
      // Node's fetch uses the variables above since version 24, with this setting.
      "NODE_USE_ENV_PROXY": "1", "MAVEN_OPTS": java, "GRADLE_OPTS": java,
    ]
  }()

  static let resolver: any NameResolver = SystemResolver()

  /// Switches to this attempt.
  func begin(_ policy: NetworkPolicy, _ ledger: EgressLedger) {
    for server in servers { server.use(policy, for: ledger) }
  }

  /// Takes ownership of the listeners of a sandbox, in the order of `plan`.
  /// - Returns: false if they cannot be served; they are then closed.
  func serve(_ listeners: [Int32]) async -> Bool {
    guard case .own(let ports) = plan else { return listeners.isEmpty }
    guard listeners.count == ports.count else {
      for listener in listeners { Glibc.close(listener) }
      return false
    }
    var isServed = true
    for (server, listener) in zip(servers, listeners) {
      do { try await server.serve(listener: listener) } catch { isServed = false }
    }
    return isServed
  }

  func close() async {
    for server in servers { await server.close() }
  }
}
