import Domain
import Engine
import Processes
import Screening

/// Checks whether a change adds a credential to the repository: one that is in an added file or
/// name, and nowhere in the base. Credentials are compared, not lines. So a moved file, a rewritten
/// line, or changed line ends add none.
struct CredentialCheck {
  let changes: [Change]
  let parent: ObjectID
  let exemptions: SecretExemptions
  let git: HandInGit

  /// How many bytes of the base are read besides the files that the change touches, and how large
  /// one of its files may be. The base is read only if something was found.
  private static let baseBytesMax = 64 << 20
  private static let baseFileBytesMax = 1 << 20

  func run(_ search: SecretSearch) async throws(HandInRefusal) {
    var held = try await found(search)
    if held.isEmpty { return }
    // The changed files as they were before, and their names.
    var known = Set<Credential>()
    for change in changes where !change.before.isNone {
      known.formUnion(SecretScan.found(in: change.path, by: search))
    }
    let before = changes.map(\.before).filter { !$0.isNone }
    known.formUnion(try await credentials(in: before, search))
    held = Self.without(known, held)
    if held.isEmpty { return }
    let base = try await base()
    held = held.filter { !base.names.contains(changes[$0.key].blob) }
    held = Self.without(try await credentials(in: base.toRead, search), held)
    if !held.isEmpty { throw refusal(held) }
  }

  private static func without(
    _ known: Set<Credential>, _ held: [Int: Set<Credential>]
  ) -> [Int: Set<Credential>] {
    held.mapValues { $0.subtracting(known) }.filter { !$0.value.isEmpty }
  }

  private func refusal(_ held: [Int: Set<Credential>]) -> HandInRefusal {
    let own = held.filter { $0.value.contains(where: \.isKnown) }
    if !own.isEmpty {
      return .refused(
        message: "the change holds a credential of AIPM's own: \(paths(own))",
        hint: "Find out how the agent came by it, and renew it. The change is not kept.")
    }
    return .refused(
      message: "the change holds what looks like a credential: \(paths(held))",
      hint: "Take it out and revoke it. One that is made up can say EXAMPLE, or be exempt by the "
        + "workflow: secrets, with allow-paths or allow-patterns. The change is not kept.")
  }

  private func paths(_ held: [Int: Set<Credential>]) -> String {
    held.keys.sorted().map { changes[$0] }.listed
  }

  // MARK: The change

  /// By the number of the change.
  private func found(_ search: SecretSearch) async throws(HandInRefusal) -> [Int: Set<Credential>] {
    let paths = PathRules(exemptions.paths)
    let added = changes.indices.filter { !changes[$0].blob.isNone }
    var held = try await found(in: added.map { changes[$0].blob }, search)
    held = Dictionary(uniqueKeysWithValues: held.map { (added[$0.key], $0.value) })
    for index in added where changes[index].before.isNone {
      let named = SecretScan.found(in: changes[index].path, by: search)
      if !named.isEmpty { held[index, default: []].formUnion(named) }
    }
    return Dictionary(
      uniqueKeysWithValues: held.map { index, credentials in
        let isExempt = paths.contain(changes[index].path)
        return (
          index, credentials.filter { $0.isKnown || !isExempt && !exemptions.exempt($0) }
        )
      }
    ).filter { !$0.value.isEmpty }
  }

  /// By the number of the blob.
  private func found(
    in blobs: [String], _ search: SecretSearch
  ) async throws(HandInRefusal) -> [Int: Set<Credential>] {
    try await git.blobs(blobs, into: SecretFindings(search)) { findings, index, part in
      switch part {
      case .piece(let bytes): findings.append(bytes)
      case .end: findings.finish(index)
      }
    }.byIndex
  }

  // MARK: The base

  private func credentials(
    in blobs: [String], _ search: SecretSearch
  ) async throws(HandInRefusal) -> Set<Credential> {
    try await found(in: blobs, search).values.reduce(into: []) { $0.formUnion($1) }
  }

  /// The blobs of the base: all SHAs, and those to be read.
  private struct Base: Sendable {
    var names: Set<String> = []
    var toRead: [String] = []
    private var left = CredentialCheck.baseBytesMax
    private var rest: [UInt8] = []

    /// Parses more output of `ls-tree -l -z`: `MODE TYPE SHA SIZE`, TAB, PATH, NUL.
    mutating func take(_ piece: [UInt8]) {
      var records = (rest + piece).split(separator: 0, omittingEmptySubsequences: false)
      rest = Array(records.removeLast())
      for record in records {
        let words = record.prefix { $0 != UInt8(ascii: "\t") }.split(separator: UInt8(ascii: " "))
          .map { String(decoding: $0, as: UTF8.self) }
        guard words.count == 4, words[1] == "blob", let size = Int(words[3]),
          names.insert(words[2]).inserted, size <= CredentialCheck.baseFileBytesMax, size <= left
        else { continue }
        left -= size
        toRead.append(words[2])
      }
    }
  }

  private func base() async throws(HandInRefusal) -> Base {
    try await git.fold(["ls-tree", "-r", "-l", "-z", parent.rawValue], into: Base()) {
      $0.take($1)
      return true
    }
  }
}
