import Domain
import RawSockets
import Synchronization

/// A forge with many open pull requests on which nothing happens. It answers as GitHub does, with
/// entity tags, and counts what it is asked.
final class PolledForge: Sendable {
  /// The requests of one cycle.
  struct Cycle: Sendable {
    var requests = 0
    /// Those that 304 was enough for: they cost nothing of the rate limit.
    var unchanged = 0
  }

  private struct State {
    var current = Cycle()
    /// Those that have ended since the last answer that was not 304.
    var quiet: [Cycle] = []
    var waiting: [(count: Int, caller: CheckedContinuation<[Cycle], Never>)] = []
  }

  private let server: RawServer
  private let state: Counts

  private final class Counts: Sendable {
    let value = Mutex(State())
  }

  var url: String { server.url }

  /// The repository and the number of a pull request.
  static func place(of n: Int, _ repositories: Int) -> (repository: RepositoryName, number: Int) {
    (RepositoryName(owner: "acme", name: "r\(n % repositories)"), 1 + n / repositories)
  }

  init(_ count: Int, repositories: Int) throws {
    let counts = Counts()
    state = counts
    server = try RawServer { connection in
      while let request = connection.readRequest() {
        let target = request.line.split(separator: " ").dropFirst().first.map(String.init) ?? ""
        let isKnown = request.header("if-none-match") == Self.tag
        Self.note(target, isKnown: isKnown, counts)
        if isKnown {
          connection.answer("", status: "304 Not Modified", headers: ["ETag: \(Self.tag)"])
        } else {
          connection.answer(
            Self.body(target, count, repositories),
            headers: ["ETag: \(Self.tag)", "Content-Type: application/json"])
        }
      }
    }
  }

  func stop() { server.stop() }

  /// Returns so many cycles in a row, after everything has been read for the first time.
  func quietCycles(_ count: Int) async -> [Cycle] {
    await withCheckedContinuation { caller in
      state.value.withLock { $0.waiting.append((count, caller)) }
    }
  }

  private static let tag = "\"1\""
  /// The list of pull requests with which each cycle begins.
  private static let first = "/repos/acme/r0/pulls?"

  private static func note(_ target: String, isKnown: Bool, _ counts: Counts) {
    let ended: (cycles: [Cycle], callers: [CheckedContinuation<[Cycle], Never>]) =
      counts.value.withLock { state in
        var callers: [CheckedContinuation<[Cycle], Never>] = []
        if target.hasPrefix(first) {
          let isQuiet = state.current.requests == state.current.unchanged
          state.quiet = isQuiet && state.current.requests > 1 ? state.quiet + [state.current] : []
          state.current = Cycle()
          callers = state.waiting.filter { $0.count <= state.quiet.count }.map(\.caller)
          state.waiting.removeAll { $0.count <= state.quiet.count }
        }
        state.current.requests += 1
        if isKnown { state.current.unchanged += 1 }
        return (state.quiet, callers)
      }
    for caller in ended.callers { caller.resume(returning: ended.cycles) }
  }

  /// What GitHub answers, as far as it is read.
  private static func body(_ target: String, _ count: Int, _ repositories: Int) -> String {
    let path = target.prefix { $0 != "?" }.split(separator: "/").dropFirst(2)
    guard let name = path.first, let repository = Int(name.dropFirst()) else { return "{}" }
    switch path.dropFirst().first {
    case "pulls":
      if let number = path.dropFirst(2).first.flatMap({ Int($0) }) {
        return path.count > 3 ? "[]" : pull(number, mergeable: true)
      }
      let own = stride(from: repository, to: count, by: repositories).map {
        pull(1 + $0 / repositories)
      }
      return target.contains("page=1") ? "[\(own.joined(separator: ","))]" : "[]"
    case "commits":
      return target.contains("check-runs") ? #"{"total_count":0,"check_runs":[]}"# : "[]"
    case "git": return #"{"ref":"refs/heads/main","object":{"type":"commit","sha":"\#(sha("b"))"}}"#
    case "issues": return "[]"
    case _:
      return #"{"default_branch":"main","clone_url":"http://127.0.0.1/x.git","archived":false}"#
    }
  }

  private static func sha(_ digit: Character) -> String { String(repeating: digit, count: 40) }

  private static func pull(_ number: Int, mergeable: Bool? = nil) -> String {
    let known = mergeable.map { #","mergeable":\#($0),"mergeable_state":"clean""# } ?? ""
    return #"{"number":\#(number),"html_url":"https://x/\#(number)","state":"open","body":"","#
      + #""updated_at":"2026-01-01T00:00:00Z","head":{"ref":"b","sha":"\#(sha("a"))"},"#
      + #""base":{"ref":"main","sha":"\#(sha("b"))"}\#(known)}"#
  }
}
