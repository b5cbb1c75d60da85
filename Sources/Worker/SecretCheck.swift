// Whether a commit holds a credential that this worker gave to its agent. The server cannot see
// that: it does not know the values.

import Processes
import Screening
import WorkerProtocol

struct SecretCheck: Sendable {
  private let search: SecretSearch

  /// - Parameter names: of the variables that the agent, or a command of its workflow, was given.
  init(variables names: [String]) {
    search = SecretSearch(
      values: AgentEnvironment.secrets(names), shapes: false, purpose: .refusing)
  }

  init(_ assignment: Assignment) {
    self.init(variables: assignment.agent.environment + (assignment.commands?.environment ?? []))
  }

  /// What is asked of a blob or of its name.
  struct Change: Sendable, Equatable {
    let path: [UInt8]
    /// nil: the change takes it away, or it was not there before.
    let blob: String?
    let before: String?
  }

  /// What is asked of each change; submodules left out.
  static func changes(_ staged: [StagedChange]) -> [Change] {
    func object(_ mode: [UInt8], _ name: [UInt8]) -> String? {
      mode.elementsEqual("160000".utf8) || name.allSatisfy { $0 == UInt8(ascii: "0") }
        ? nil : String(decoding: name, as: UTF8.self)
    }
    return staged.map { change in
      Change(
        path: change.path, blob: object(change.newMode, change.newObject),
        before: object(change.oldMode, change.oldObject))
    }
  }

  /// The paths, at most ten, of the changes that hold a value which this worker gave to its agent,
  /// plain, in base64, in hex or as in an address, in a file or in its name; and that the changed
  /// files did not hold before.
  /// - Parameters:
  ///   - clone: the repository in which the blobs are.
  ///   - environment: what git needs to see them.
  /// - Throws: `GitFault` where they cannot be read within `timeout`.
  func holding(
    _ changes: [Change], in clone: String, environment: [String: String] = [:],
    timeout: Duration = .seconds(120)
  ) async throws(GitFault) -> [String] {
    guard search.hasValues else { return [] }
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

  /// What stands in blobs, by their number.
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
  /// Why a change cannot be handed in: it holds a credential that its agent was given.
  /// - Parameter changes: what stands in the index beyond the head.
  /// - Returns: nil where it holds none.
  func secretsHeld(
    by changes: [StagedChange], _ assignment: Assignment, _ attempt: AttemptFiles
  ) async throws(GitFault) -> PickUp? {
    let held = try await SecretCheck(assignment).holding(
      SecretCheck.changes(changes), in: attempt.repository)
    if held.isEmpty { return nil }
    return .refused(
      message: "the change holds a credential that the agent was given: "
        + held.joined(separator: ", "),
      hint: "Have the agent leave it out, and renew it if others may have seen it.")
  }
}
