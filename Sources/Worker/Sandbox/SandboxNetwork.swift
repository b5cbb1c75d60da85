// The network of one sandbox: what answers on 127.0.0.1 of it, and what its processes are told of
// that.
//
// There is one listener for the proxy, which goes by the policy of the attempt, and one for each
// service whose credential stays outside. Everything that an attempt reached or was refused stands
// in the ledger of that attempt. An agent that stays serves one attempt after the other: its
// network is told of each by `begin`.

import Egress
import Glibc
import HTTPClient
import Logging
import NetworkRules
import WorkerProtocol
import Workflows

/// What the operator of a worker says of the network of agents.
package struct EgressOptions: Sendable {
  /// Private ranges that agents may reach where a rule names the host.
  package var permitted: [AddressRange] = []
  /// Ports on which AIPM listens on this machine.
  package var ownPorts: Set<UInt16> = []

  package init() {}
}

final class SandboxNetwork: Sendable {
  /// Where the proxy answers inside.
  static let proxyPort = 3128
  private static let firstGatewayPort = 3129

  /// What the sandbox is to be made with.
  let plan: Sandbox.Network
  /// What the processes inside are told, on top of their environment.
  let environment: [String: String]
  let keys: AgentKeys
  private let proxy: EgressProxy
  private let gateways: [KeyGateway]

  /// - Parameters:
  ///   - call: whose network it is.
  ///   - value: of a variable of this machine that the agent may have.
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
      // A key or an address that the gateway cannot use goes to the agent as it is.
      guard let upstream = Self.upstream(endpoint, value) else { continue }
      let port = Self.firstGatewayPort + gateways.count
      gateways.append(
        KeyGateway(
          upstream: upstream.target, client: Self.client, configuration: configuration,
          resolver: resolver, logger: logger))
      // It adds the path of the address itself.
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

  /// What stands in the variable of a key that stays outside; some programs ask for one.
  static let placeholder = "aipm-adds-the-key-outside"

  /// By the operator's own proxy, and with the operator's own authorities, if there are any.
  private static let client = HTTPClient(
    configuration: .init(
      userAgent: "aipm",
      authoritiesFile: authorityVariables.lazy.compactMap(AgentEnvironment.ofMachine).first,
      proxy: .environment, maxConnectionsPerHost: 64))

  /// Variables that name a PEM file of certificate authorities; the first that is set counts.
  private static let authorityVariables = ["AIPM_CA_FILE", "SSL_CERT_FILE"]

  /// Where a gateway goes, and what it adds; nil if there is neither a key to keep outside nor an
  /// address that the operator gave.
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

  /// By these most programs find a proxy. Loopback of the sandbox itself needs none.
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
      // Node's own fetch takes the variables above from version 24 on, if it is told to.
      "NODE_USE_ENV_PROXY": "1", "MAVEN_OPTS": java, "GRADLE_OPTS": java,
    ]
  }()

  static let resolver: any NameResolver = SystemResolver()

  /// From now on it serves this attempt.
  func begin(_ policy: NetworkPolicy, _ ledger: EgressLedger) {
    proxy.use(policy, for: ledger)
    for gateway in gateways { gateway.use(for: ledger) }
  }

  /// Takes over the listeners of a sandbox, in the order of `plan`.
  /// - Returns: false where they cannot be served; they are closed then.
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
