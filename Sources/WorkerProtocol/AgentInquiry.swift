// Which agents a worker has: what it is asked to look for, and what it found.

import Workflows

/// Asks which agents there might be.
package struct AgentsAsked: Codable, Equatable, Sendable {
  package var worker: String
  package init(worker: String) { self.worker = worker }
}

/// Every agent that some workflow of the server knows.
package struct AgentInquiries: Codable, Equatable, Sendable {
  package var agents: [AgentInquiry]
  package init(agents: [AgentInquiry]) { self.agents = agents }
}

/// How one agent is looked for.
package struct AgentInquiry: Codable, Equatable, Sendable {
  /// The profile's name.
  package var name: String
  /// Looked up on the worker's PATH; nil: it needs no program of its own.
  package var program: String?
  package var preflight: AgentPreflight?
  /// Names of variables of the worker's environment that the agent, and so the preflight, may see.
  package var environment: [String]
  /// What it gets in its sandbox; the preflight runs with it. nil: as `SandboxRules()`.
  package var sandbox: SandboxRules?
  /// The services that it calls with a credential that stays outside; absent: none.
  package var endpoints: [ModelEndpoint]?

  /// Paths `~/…` of the worker's home that the agent finds in its own.
  package var lent: [String] {
    ((sandbox?.readable ?? []) + (sandbox?.writable ?? [])).filter { $0.hasPrefix("~/") }
  }

  package init(
    name: String, program: String?, preflight: AgentPreflight?, environment: [String],
    sandbox: SandboxRules? = nil, endpoints: [ModelEndpoint]? = nil
  ) {
    self.name = name
    self.program = program
    self.preflight = preflight
    self.environment = environment
    self.sandbox = sandbox
    self.endpoints = endpoints
  }

  /// How this profile's agent is looked for. The one that `--agent command` makes is not: whoever
  /// starts a server with it hears of a missing program by the first delegation.
  package init(_ profile: AgentProfile) {
    self.init(
      name: profile.name,
      program: profile.name == AgentProfile.customName ? nil : profile.program,
      preflight: profile.preflight, environment: profile.environment,
      sandbox: SandboxRules(profile.sandbox, network: profile.sandbox.network),
      endpoints: profile.endpoints)
  }
}

/// What came of looking for an agent.
package struct AgentFinding: Codable, Equatable, Sendable {
  /// Whether it could work.
  package enum State: String, CaseIterable, Codable, Sendable {
    case ready
    case notInstalled
    case notSignedIn
    /// Its check failed, or did not end in time.
    case failing
    /// The check has not ended yet.
    case unknown
  }

  /// The profile's name.
  package var name: String
  package var state: State
  /// What is so, and what can be done about it, for people.
  package var detail: String
  /// Where its credentials are; absent where nobody looked.
  package var keys: AgentKeys?

  package init(name: String, state: State, detail: String, keys: AgentKeys? = nil) {
    self.name = name
    self.state = state
    self.detail = detail
    self.keys = keys
  }
}

/// Where an agent's credentials are, by the names of the variables that hold them.
package struct AgentKeys: Codable, Equatable, Sendable {
  /// In the worker alone: the agent never has them.
  package var outside: [String]
  /// In the agent's environment.
  package var inside: [String]

  package init(outside: [String], inside: [String]) {
    self.outside = outside
    self.inside = inside
  }

  /// In words, for people; nil where there is none.
  package var text: String? {
    let parts = [
      outside.isEmpty ? nil : "outside of the sandbox: \(outside.joined(separator: ", "))",
      inside.isEmpty ? nil : "inside: \(inside.joined(separator: ", "))",
    ]
    let told = parts.compactMap { $0 }
    return told.isEmpty ? nil : "keys " + told.joined(separator: "; ")
  }
}
