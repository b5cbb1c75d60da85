// What a worker's own operator lets agents have of the machine. The server names variables, paths
// and programs in its orders. The worker grants only those of them that its flags name; this does
// not depend on the server. The server that starts a local worker sets its flags from the server's
// workflows, so no order can widen them.

import Glibc
import NetworkRules
import Processes
import SystemCalls
import Text
import WorkerProtocol
import Workflows

/// What of this machine agents may be given.
package struct OperatorGrants: Equatable, Sendable {
  /// Names of variables of the worker's environment; nil: all.
  package var variables: Set<String>?
  /// Files and folders, `~/…` of the worker's home; nil: all. Of the system's programs and of those
  /// on the PATH nothing need be said.
  package var paths: [String]?
  package var network: Network

  /// How far agents may be let out.
  package enum Network: Int, Comparable, Sendable {
    case none
    /// To the hosts that their workflow names, through the worker's proxy.
    case hosts
    /// The machine's own network, where a workflow says so.
    case machine
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// What a policy takes.
    init(needed policy: NetworkPolicy) {
      self =
        switch policy.mode {
        case .none: .none
        case .host: .machine
        case .hosts, .publicHosts: .hosts
        }
    }
  }

  package init(
    variables: Set<String>? = [], paths: [String]? = [], network: Network = .none
  ) {
    self.variables = variables
    self.paths = paths
    self.network = network
  }

  /// For callers that decide elsewhere what an agent gets.
  static let everything = OperatorGrants(variables: nil, paths: nil, network: .machine)

  // MARK: Orders

  /// The answer with what is granted of it.
  func granted(_ answer: CallAnswer) -> CallAnswer {
    switch answer {
    case .desired(var desired):
      if let assignment = desired.assignment { desired.assignment = granted(assignment) }
      return .desired(desired)
    case .agents(let inquiries): return .agents(inquiries.map { granted($0) })
    case .failed, .registered, .heartbeat, .generating, .output, .pack, .patch, .result:
      return answer
    }
  }

  private func granted(_ assignment: Assignment) -> Assignment {
    var assignment = assignment
    assignment.agent.environment.removeAll { !allows(variable: $0) }
    assignment.commands?.environment.removeAll { !allows(variable: $0) }
    assignment.agent.sandbox = assignment.agent.sandbox.map { granted($0) }
    return assignment
  }

  private func granted(_ rules: SandboxGrants) -> SandboxGrants {
    var rules = rules
    if network < Network(needed: rules.network) { rules.network = NetworkPolicy() }
    rules.readable.removeAll { !allows(path: $0) }
    rules.writable.removeAll { !allows(path: $0) }
    rules.toolchains.removeAll { toolchain in
      !toolchain.folders.filter(DurableFile.exists).allSatisfy { allows(path: $0) }
    }
    return rules
  }

  private func granted(_ inquiry: AgentInquiry) -> AgentInquiry {
    var inquiry = inquiry
    inquiry.environment.removeAll { !allows(variable: $0) }
    inquiry.sandbox = inquiry.sandbox.map { granted($0) }
    return inquiry
  }

  /// Why the agent of an order cannot be run here, for people; nil if it can.
  func refusal(of call: AgentCall, worker: String) -> String? {
    guard !call.isDemo else { return nil }
    let programs = call.commands.compactMap { Self.program($0.first) }
    let files = call.commands.flatMap { AgentCall.namedFiles($0) }
    guard let path = (programs + files).first(where: { !allows(file: $0) })
    else { return nil }
    return "\(call.name): the worker \(worker) is not allowed to run or show \(path): start it "
      + "with --allow-path \(path)"
  }

  // MARK: What is allowed

  func allows(variable name: String) -> Bool { variables?.contains(name) ?? true }

  /// Whether a path may be shown to agents: it, or a folder above it, was named.
  func allows(path: String) -> Bool {
    guard let paths else { return true }
    guard let wanted = Self.canonical(path) else { return false }
    return paths.contains { allowed in
      Self.canonical(allowed).map { wanted == $0 || wanted.hasPrefix($0 == "/" ? "/" : "\($0)/") }
        ?? false
    }
  }

  /// Whether a file that a command names may be run or shown. Besides the paths, the files in the
  /// system's folders of programs and in the folders of the PATH are allowed. A link in one of
  /// these is part of the program's installation, and is trusted whatever its target.
  func allows(file path: String) -> Bool {
    guard paths != nil else { return true }
    let search = Command.baseEnvironment["PATH"] ?? ""
    let programs = Self.system + search.split(separator: ":").map(String.init)
    let known = OperatorGrants(paths: programs.filter { $0.hasPrefix("/") })
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    return allows(path: path) || known.allows(path: path)
      || !path.hasSuffix("/..") && known.allows(path: folder)
  }

  private static let system = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix",
  ]

  /// A program that is named by a path; nil for one that is looked up on the PATH.
  private static func program(_ word: String?) -> String? {
    guard let word, word.contains("/") else { return nil }
    return AgentProgram.absolute(word)
  }

  /// The path without links; as it is written if there is no such file; nil if it is relative.
  private static func canonical(_ path: String) -> String? {
    var path = path
    if path.hasPrefix("~/") { path = UnprivilegedUser.startersHome + path.dropFirst() }
    guard path.hasPrefix("/") else { return nil }
    if let resolved = canonicalPath(path) { return resolved }
    return path.split(separator: "/").contains("..") ? nil : path
  }
}

extension OperatorGrants {
  /// What the agents of these workflows need: for workers that a server starts itself.
  /// - Parameter custom: the agent of `--agent command`.
  package init(_ workflows: [Workflow], custom: AgentProfile?) {
    self.init(network: .hosts)
    var names: Set<String> = []
    var paths: Set<String> = []
    func take(words: [String]) {
      if let program = Self.program(words.first) { paths.insert(program) }
      paths.formUnion(words.dropFirst().filter { $0.hasPrefix("/") })
    }
    func take(_ profile: AgentProfile) {
      names.formUnion(profile.environment)
      paths.formUnion(profile.sandbox.readable + profile.sandbox.writable)
      paths.formUnion(profile.sandbox.toolchains.flatMap(\.folders))
      network = max(network, Network(needed: profile.sandbox.network))
      switch profile.kind {
      case .demo: break
      case .command(let command):
        for arguments in [command.arguments, command.resumeArguments ?? []] {
          take(
            words: arguments.map { argument in
              if case .literal(let text) = argument { return text }
              return ""
            })
        }
      case .session(let session): take(words: session.arguments)
      }
    }
    for workflow in workflows {
      for profile in workflow.agents.values {
        take(profile)
        network = max(network, Network(needed: workflow.network(of: profile)))
      }
      names.formUnion(workflow.commands.environment)
      for words in workflow.commands.setup + workflow.commands.verify { take(words: words) }
    }
    if let custom { take(custom) }
    variables = names
    self.paths = Array(paths)
  }
}
