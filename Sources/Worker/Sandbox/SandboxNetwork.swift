// The network of one sandbox: what answers on 127.0.0.1 of it, and what its processes are told of
// that.
//
// There is one listener for the proxy, which goes by the policy of the attempt, and one for each
// service whose credential stays outside. Everything that an attempt reached or was refused stands
// in the ledger of that attempt. An agent that stays serves one attempt after the other: its
// network is told of each by `begin`.

import Egress
import Glibc
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

  /// What the sandbox is to be made with.
  let plan: Sandbox.Network
  /// What the processes inside are told, on top of their environment.
  let environment: [String: String]
  let keys: AgentKeys
  private let proxy: EgressProxy

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
    if isMachines {
      plan = .machine
    } else {
      plan = .own(listeners: [Self.proxyPort])
      environment.merge(Self.proxyVariables) { own, _ in own }
    }
    self.environment = environment
    let secret = AgentEnvironment.secretNames(call.environment)
    keys = AgentKeys(outside: [], inside: secret)
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
    for listener in listeners {
      do {
        try await proxy.serve(listener: listener)
      } catch {
        isServed = false
      }
    }
    return isServed
  }

  /// Ends every connection.
  func close() async {
    await proxy.close()
  }
}
