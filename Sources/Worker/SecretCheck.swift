// Finds credentials in a commit that this worker gave to the agent. The server cannot do that,
// because it does not know the values.

import Processes
import Screening
import WorkerProtocol

struct SecretCheck: Sendable {
  private let search: SecretSearch
  private let isEmpty: Bool

  /// Finds what looks like a credential of anybody.
  static let lookalikes = SecretCheck(SecretSearch(purpose: .masking), isEmpty: false)

  private init(_ search: SecretSearch, isEmpty: Bool) {
    self.search = search
    self.isEmpty = isEmpty
  }

  /// - Parameter names: the variables that the agent and the commands of its workflow may see.
  init(variables names: [String]) {
    let search = SecretSearch(
      values: AgentEnvironment.secrets(names), shapes: false, purpose: .refusing)
    self.init(search, isEmpty: !search.hasValues)
  }

  init(_ assignment: Assignment) {
    self.init(variables: assignment.agent.environment + (assignment.commands?.environment ?? []))
  }

  /// The paths, at most ten, of changes that contain a credential, such as a value which this
  /// worker gave to its agent, and which the changed files did not contain before: plain, in
  /// base64, in hex or percent-encoded, in the content or in the name.
  /// - Parameters:
  ///   - clone: the repository of the blobs.
  ///   - environment: for git, to find them.
  /// - Throws: `GitFault` if they cannot be read within `timeout`.
  func holding(
    _ changes: [StagedChange], in clone: String, environment: [String: String] = [:],
    timeout: Duration = .seconds(120)
  ) async throws(GitFault) -> [String] {
    guard !isEmpty else { return [] }
    let added = changes.filter { $0.blob != nil }
    var held = try await found(added.compactMap(\.blob), clone, environment, timeout)
    for (index, change) in added.enumerated() where change.before == nil {
      held[index, default: []].formUnion(SecretScan.found(in: change.path, by: search))
    }
    held = held.filter { !$0.value.isEmpty }
    if held.isEmpty { return [] }
    let before = try await found(changes.compactMap(\.before), clone, environment, timeout)
    let known = before.values.reduce(into: Set()) { $0.formUnion($1) }
    return held.filter { !$0.value.isSubset(of: known) }.keys.sorted().prefix(10).map {
      FlaggedPaths.shown(added[$0].path)
    }
  }

  private func found(
    _ blobs: [String], _ clone: String, _ environment: [String: String], _ timeout: Duration
  ) async throws(GitFault) -> [Int: Set<Credential>] {
    try await Git.blobs(
      blobs, gitDirectory: clone, extraEnvironment: environment, timeout: timeout,
      diesWithParent: AgentProcess.canDieWithParent, into: SecretFindings(search)
    ) { findings, index, part in
      switch part {
      case .piece(let bytes): findings.append(bytes)
      case .end: findings.finish(index)
      }
    }.byIndex
  }
}

extension Workspace {
  /// Why a change cannot be handed in: it contains a credential of its agent.
  /// - Parameter changes: of the index against the head.
  /// - Returns: nil if it contains none.
  func secretsHeld(
    by changes: [StagedChange], _ assignment: Assignment, _ attempt: AttemptFiles
  ) async throws(GitFault) -> PickUp? {
    let held = try await SecretCheck(assignment).holding(
      changes, in: attempt.repository)
    if held.isEmpty { return nil }
    return .refused(
      message: "the change holds a credential that the agent was given: "
        + held.joined(separator: ", "),
      hint: "Have the agent leave it out, and renew it if others may have seen it. The change is "
        + "not kept.")
  }
}
