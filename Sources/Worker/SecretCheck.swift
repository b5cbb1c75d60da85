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

  /// The changes that `diff-index --raw -z` or `diff-tree --raw -z` tells; submodules left out.
  static func changes(_ raw: [UInt8]) -> [Change] {
    // :OLDMODE NEWMODE OLD NEW STATUS NUL PATH NUL
    let fields = raw.split(separator: 0)
    func object(_ mode: Substring, _ name: Substring) -> String? {
      mode == "160000" || name.utf8.allSatisfy({ $0 == UInt8(ascii: "0") }) ? nil : String(name)
    }
    return stride(from: 0, to: fields.count - 1, by: 2).compactMap { index in
      let words = String(decoding: fields[index].dropFirst(), as: UTF8.self).split(separator: " ")
      guard words.count == 5 else { return nil }
      return Change(
        path: Array(fields[index + 1]), blob: object(words[1], words[3]),
        before: object(words[0], words[2]))
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
  /// - Parameter changes: what `diff-index --raw -z` says.
  /// - Returns: nil where it holds none.
  func secretsHeld(
    by changes: [UInt8], _ assignment: Assignment, _ attempt: AttemptFiles
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
