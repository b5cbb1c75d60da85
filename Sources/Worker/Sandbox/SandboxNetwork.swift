// The network of a sandbox: the listeners on its 127.0.0.1, and the variables that name them.
//
// There is one listener for the proxy, which applies the policy of the attempt, and one for each
// service whose credential stays outside. The attempt's ledger records all connections and
// refusals. A persistent agent runs several attempts in turn; `begin` switches its network to each.

import Egress
import Glibc
import HTTPClient
import Logging
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
  /// The proxy's port inside.
  static let proxyPort = 3128
  private static let firstGatewayPort = 3129

  /// The network for the sandbox's options.
  let plan: Sandbox.Network
  /// Additional variables for the processes inside.
  let environment: [String: String]
  let keys: AgentKeys
  private let proxy: EgressProxy
  private let gateways: [KeyGateway]

  /// - Parameters:
  ///   - call: the agent.
  ///   - value: the value of a variable that the agent may have.
  init(
    _ call: AgentCall, _ options: EgressOptions, logger: Logger,
    resolver: any NameResolver = SandboxNetwork.resolver, value: (String) -> String?
  ) {
    var configuration = EgressConfiguration()
    configuration.permitted = options.permitted
    configuration.own = options.ownPorts.sorted().map { OwnEndpoint(port: $0) }
    proxy = EgressProxy(configuration: configuration, resolver: resolver, logger: logger)
    let isMachines = call.sandbox?.network.mode == .host
    var environment: [String: String] = [:]
    var gateways: [KeyGateway] = []
    var outside: [String] = []
    for endpoint in isMachines ? [] : call.endpoints ?? [] {
      // A key or an address that the gateway cannot use is passed to the agent.
      guard let upstream = Self.upstream(endpoint, value) else { continue }
      let port = Self.firstGatewayPort + gateways.count
      gateways.append(
        KeyGateway(
          upstream: upstream.target, client: Self.client, configuration: configuration,
          resolver: resolver, logger: logger))
      // The gateway appends the path itself.
      environment[endpoint.baseURLVariable] = "http://127.0.0.1:\(port)"
      if upstream.hasKey, let variable = endpoint.variable {
        environment[variable] = Self.placeholder
        outside.append(variable)
      }
    }
    self.gateways = gateways
    if isMachines {
      plan = .machine
    } else {
      plan = .own(
        listeners: [Self.proxyPort] + gateways.indices.map { Self.firstGatewayPort + $0 })
      environment.merge(Self.proxyVariables) { own, _ in own }
    }
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
      authoritiesFile: authorityVariables.lazy.compactMap(AgentEnvironment.ofMachine).first,
      proxy: .environment, maxConnectionsPerHost: 64))

  /// Variables that name a PEM file of certificate authorities; the first that is set counts.
  private static let authorityVariables = ["AIPM_CA_FILE", "SSL_CERT_FILE"]

  /// A gateway's upstream with its credential; nil if there is neither a key to keep outside nor an
  /// address from the operator.
  private static func upstream(
    _ endpoint: ModelEndpoint, _ value: (String) -> String?
  ) -> (target: GatewayUpstream, hasKey: Bool)? {
    let given = value(endpoint.baseURLVariable).flatMap { $0.isEmpty ? nil : $0 }
    let key = endpoint.variable.flatMap(value).flatMap { $0.isEmpty ? nil : $0 }
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
    proxy.use(policy, for: ledger)
    for gateway in gateways { gateway.use(for: ledger) }
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
    for (index, listener) in listeners.enumerated() {
      do {
        if index == 0 {
          try await proxy.serve(listener: listener)
        } else {
          try await gateways[index - 1].serve(listener: listener)
        }
      } catch {
        isServed = false
      }
    }
    return isServed
  }

  /// Ends every connection.
  func close() async {
    await proxy.close()
    for gateway in gateways { await gateway.close() }
  }
}
