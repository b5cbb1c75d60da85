// Which agents a worker has: the server's inquiry and the worker's findings.

import Workflows

/// Requests the agents to look for.
package struct AgentsAsked: Codable, Equatable, Sendable {
  package var worker: String
  package init(worker: String) { self.worker = worker }
}

/// Every agent of the server's workflows.
package struct AgentInquiries: Codable, Equatable, Sendable {
  package var agents: [AgentInquiry]
  package init(agents: [AgentInquiry]) { self.agents = agents }
}

/// How to look for one agent.
package struct AgentInquiry: Codable, Equatable, Sendable {
  /// The profile's name.
  package var name: String
  /// Looked up on the worker's PATH; nil: no program of its own is needed.
  package var program: String?
  package var preflight: AgentPreflight?
  /// Variables of the worker's environment that the agent and its preflight may see.
  package var environment: [String]
  /// The sandbox's grants, also for the preflight. nil: as `SandboxGrants()`.
  package var sandbox: SandboxGrants?
  /// The services that the agent calls with a credential that stays outside; nil: none.
  package var endpoints: [ModelEndpoint]?

  /// Paths `~/…` of the worker's home that are visible in the agent's home.
  package var homePaths: [String] {
    ((sandbox?.readable ?? []) + (sandbox?.writable ?? [])).filter { $0.hasPrefix("~/") }
  }

  package init(
    name: String, program: String?, preflight: AgentPreflight?, environment: [String],
    sandbox: SandboxGrants? = nil, endpoints: [ModelEndpoint]? = nil
  ) {
    self.name = name
    self.program = program
    self.preflight = preflight
    self.environment = environment
    self.sandbox = sandbox
    self.endpoints = endpoints
  }

  /// The inquiry for this profile's agent. It has no program for `--agent command`: a missing
  /// program is reported by the first delegation.
  package init(_ profile: AgentProfile) {
    self.init(
      name: profile.name,
      program: profile.name == AgentProfile.customName ? nil : profile.program,
      preflight: profile.preflight, environment: profile.environment,
      sandbox: profile.sandbox,
      endpoints: profile.endpoints)
  }
}

/// The result of looking for an agent.
package struct AgentFinding: Codable, Equatable, Sendable {
  /// Whether the agent is ready for work.
  package enum State: String, CaseIterable, Codable, Sendable {
    case ready
    case notInstalled
    case notSignedIn
    /// The check failed or timed out.
    case failing
    /// The check has not ended yet.
    case unknown
  }

  /// The profile's name.
  package var name: String
  package var state: State
  /// The reason and a remedy, for people.
  package var detail: String
  /// Where the agent's credentials are; nil if that was not checked.
  package var keys: AgentKeys?

  package init(name: String, state: State, detail: String, keys: AgentKeys? = nil) {
    self.name = name
    self.state = state
    self.detail = detail
    self.keys = keys
  }
}

/// Where an agent's credentials are, by the names of their variables.
package struct AgentKeys: Codable, Equatable, Sendable {
  /// In the worker alone: the agent never sees them.
  package var outside: [String]
  /// In the agent's environment.
  package var inside: [String]

  package init(outside: [String], inside: [String]) {
    self.outside = outside
    self.inside = inside
  }

  /// A description for people; nil if there are no credentials.
  package var text: String? {
    let parts = [
      outside.isEmpty ? nil : "outside of the sandbox: \(outside.joined(separator: ", "))",
      inside.isEmpty ? nil : "inside: \(inside.joined(separator: ", "))",
    ]
    let known = parts.compactMap { $0 }
    return known.isEmpty ? nil : "keys " + known.joined(separator: "; ")
  }
}
