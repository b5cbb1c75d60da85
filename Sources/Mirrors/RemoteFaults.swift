import Domain
import Engine
import ForgePort
import Processes

// Turns git's messages about a remote into faults. Git has the exit codes 1 for "refused" and 128
// for "failed"; the rest is in its messages. The texts are those of git 2.39 in the C locale and of
// libcurl.

extension MirrorFault {
  /// The fault of a fetch or push that failed before it reached the refs.
  init(remote fault: GitFault, _ repository: RepositoryName) {
    let output = fault.standardError.lowercased()
    func outputContains(_ words: String...) -> Bool { words.contains { output.contains($0) } }
    self.init(kind: .noAnswer, message: "\(fault)")
    switch fault.cause {
    case .executableNotFound, .notStarted, .broken:
      kind = .local
      hint = "Check that git is installed."
      return
    case .timedOut, .cancelled: return
    case nil: break
    }
    if outputContains(
      "returned error: 401", "returned error: 403", "authentication failed",
      "could not read username", "could not read password")
    {
      kind = .unauthorized
    } else if outputContains("returned error: 404", "returned error: 410", "repository not found")
      || output.contains("repository '") && output.contains("not found")
    {
      kind = .notFound
      hint = "Check that \(repository) exists and that AIPM's credential has access to it."
    } else if outputContains("returned error: 429") {
      // A limit for git, reported before anything was done. Git does not say when it ends.
      kind = .unreachable
      hint = "The forge wants git to come less often."
    } else if outputContains(
      "could not resolve host", "could not resolve proxy", "failed to connect",
      "couldn't connect", "connection refused", "network is unreachable", "certificate",
      "ssl connect error", "returned error: 30")
    {
      kind = .unreachable
      hint = "Check the network between AIPM and the forge's git."
    } else if outputContains(
      "no space left", "read-only file system", "unable to create", "unable to write",
      "cannot lock ref", "not a git repository", "cannot open", "cannot create")
    {
      kind = .local
      hint = "Check the disk of the data folder."
    }
  }

  /// The fault of reading the address of a repository's git from the API.
  init(_ fault: ForgeFault) {
    let kind: Kind =
      switch fault.kind {
      // A read changed nothing in any case.
      case .unreachable, .noAnswer, .unavailable: .unreachable
      case .limited(let until): .limited(until: until)
      case .down(let until): .down(until: until)
      case .unauthorized, .forbidden: .unauthorized
      case .notFound: .notFound
      case .conflict, .exists, .possibleNameClash, .notYetVisible, .empty, .draftsUnsupported,
        .refused:
        .local
      }
    self.init(kind: kind, message: fault.message, hint: fault.hint)
  }
}

extension GitFault {
  /// Whether to repeat the fetch at once: the answer was lost, or the forge failed. After a limit,
  /// a failed connection or a timeout it is not repeated.
  func mayPassAtOnce(_ repository: RepositoryName) -> Bool {
    cause == nil && MirrorFault(remote: self, repository).kind == .noAnswer
  }
}

/// The report of `git push --porcelain` on the pushed ref.
struct PushReport {
  private let result: ProcessResult

  init(_ result: ProcessResult) { self.result = result }

  /// Nil if the remote has the commit.
  func fault(_ credential: any GitCredential) -> MirrorFault? {
    if result.succeeded { return nil }
    let remote = result.errorText.split(separator: "\n").filter { $0.hasPrefix("remote:") }
      .map { $0.dropFirst("remote:".count).drop { $0 == " " } }.filter { !$0.isEmpty }
    // "!\tFROM:TO\t[rejected] (why)"
    let line = result.outputText.split(separator: "\n").first { $0.hasPrefix("!\t") }
    let summary = line?.split(separator: "\t").last.map(String.init)
    let words = [summary ?? result.errorText] + remote.suffix(10).map(String.init)
    let message = Credentials.masked(words.joined(separator: "; "), secrets: credential.secrets)
    guard let summary, !summary.hasPrefix("[remote failure]") else {
      return MirrorFault(kind: .noAnswer, message: message)
    }
    let isStale = Self.staleWords.contains { summary.contains($0) }
    return MirrorFault(
      kind: .rejected(stale: isStale), message: message,
      hint: isStale ? nil : credential.rejectionHint(message))
  }

  private static let staleWords = [
    "stale info", "fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref",
    "incorrect old value", "remote ref updated", "already exists",
  ]
}
