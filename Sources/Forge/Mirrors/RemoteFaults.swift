import Domain
import Engine
import Processes

// What git says of a remote, sorted into the classes that the engine decides by. git has exit codes
// for "refused" (1) and "failed" (128) and says the rest in words; the words are those of git 2.39
// in the C locale and of libcurl.

extension MirrorFault {
  /// The fault of a fetch or push that did not get as far as the refs.
  init(remote fault: CommandFault, _ repository: RepositoryName) {
    let said = fault.standardError.lowercased()
    func says(_ words: String...) -> Bool { words.contains { said.contains($0) } }
    self.init(kind: .noAnswer, message: "\(fault)")
    switch fault.cause {
    case .executableNotFound, .notStarted, .broken:
      kind = .local
      hint = "Check that git is installed."
      return
    case .timedOut, .cancelled: return
    case nil: break
    }
    if says(
      "returned error: 401", "returned error: 403", "authentication failed",
      "could not read username", "could not read password")
    {
      kind = .unauthorized
      hint =
        "AIPM's credential may not read or write \(repository) by git: grant it contents:write."
    } else if says("returned error: 404", "returned error: 410", "repository not found")
      || said.contains("repository '") && said.contains("not found")
    {
      kind = .notFound
      hint = "Check that \(repository) exists and that AIPM's credential has access to it."
    } else if says("returned error: 429") {
      // A limit of git's own, told before anything was done; when to come again git does not say.
      kind = .unreachable
      hint = "The forge wants git to come less often."
    } else if says(
      "could not resolve host", "could not resolve proxy", "failed to connect",
      "couldn't connect", "connection refused", "network is unreachable", "certificate",
      "ssl connect error", "returned error: 30")
    {
      kind = .unreachable
      hint = "Check the network between AIPM and the forge's git."
    } else if says(
      "no space left", "read-only file system", "unable to create", "unable to write",
      "cannot lock ref", "not a git repository", "cannot open", "cannot create")
    {
      kind = .local
      hint = "Check the disk of the data folder."
    }
  }

  /// The fault of asking the API where a repository's git stands.
  init(_ fault: ForgeFault) {
    let kind: Kind =
      switch fault.kind {
      // A question: nothing has happened, whatever came of it.
      case .unreachable, .noAnswer, .unavailable: .unreachable
      case .limited(let until): .limited(until: until)
      case .down(let until): .down(until: until)
      case .unauthorized, .forbidden: .unauthorized
      case .notFound: .notFound
      case .conflict, .exists, .notYetVisible, .empty, .refused: .local
      }
    self.init(kind: kind, message: fault.message, hint: fault.hint)
  }
}

extension CommandFault {
  /// Whether an answer was lost or was an error of the forge's own, which the next may well not be.
  /// A limit is none of these, nor is a forge that cannot be reached, nor a time that was used up.
  func mayPassAtOnce(_ repository: RepositoryName) -> Bool {
    cause == nil && MirrorFault(remote: self, repository).kind == .noAnswer
  }
}

/// What `git push --porcelain` says of the one ref that was pushed.
struct PushReport {
  private let result: ProcessResult

  init(_ result: ProcessResult) { self.result = result }

  /// Nil where the remote has the commit.
  func fault(secrets: [String]) -> MirrorFault? {
    if result.succeeded { return nil }
    let remote = result.errorText.split(separator: "\n").filter { $0.hasPrefix("remote:") }
      .map { $0.dropFirst("remote:".count).drop { $0 == " " } }.filter { !$0.isEmpty }
    // "!\tFROM:TO\t[rejected] (why)"
    let line = result.outputText.split(separator: "\n").first { $0.hasPrefix("!\t") }
    let summary = line?.split(separator: "\t").last.map(String.init)
    let words = [summary ?? result.errorText] + remote.suffix(10).map(String.init)
    let message = Credentials.masked(words.joined(separator: "; "), secrets: secrets)
    guard let summary, !summary.hasPrefix("[remote failure]") else {
      return MirrorFault(kind: .noAnswer, message: message)
    }
    let isStale = Self.staleWords.contains { summary.contains($0) }
    return MirrorFault(
      kind: .rejected(stale: isStale), message: message, hint: isStale ? nil : hint(message))
  }

  private static let staleWords = [
    "stale info", "fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref",
    "incorrect old value", "remote ref updated", "already exists",
  ]

  private func hint(_ message: String) -> String {
    if message.contains("workflow") {
      return "Allow AIPM's credential to change workflows (workflows:write), or keep the change "
        + "out of .github/workflows."
    }
    return "A rule of the repository forbids the push: let AIPM's credential bypass it, or exempt "
      + "its branches, and retry."
  }
}
