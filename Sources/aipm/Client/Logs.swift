import ArgumentParser
import EventLog
import Terminal
import Text

struct Logs: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Prints what the agent said.",
    discussion: """
      On a terminal its colors are shown, and every other control sequence is left out; into a \
      pipe it goes without any, or with --raw as the agent wrote it.

      Examples:
        aipm logs PR1733356800123 -f
        aipm logs acme/tools#12 --attempt 1 --timestamps
        aipm logs acme/tools#12 --patch | git apply
      """)

  @OptionGroup var delegation: ReferenceArgument
  @Flag(name: .shortAndLong, help: "Follow it until the delegation has ended.")
  var follow = false
  @Flag(name: .shortAndLong, help: "Put before each line when it was said.")
  var timestamps = false
  @Flag(help: "As the agent wrote it, control sequences of a terminal included.")
  var raw = false
  @Option(help: ArgumentHelp("Which attempt (the last).", valueName: "number"))
  var attempt: Int?
  @Flag(help: "In place of it, what an attempt without a commit had made, as a patch.")
  var patch = false
  @OptionGroup var client: ClientOptions

  func run() async throws {
    let api = try client.api
    let reference = try await delegation.resolve(api)
    if patch {
      let kept = try await api.text(
        try ServerAPI.path("/api/delegations", reference, "/patch"),
        query: [("attempt", attempt.map { String($0) })])
      // Byte for byte into a pipe: `git apply` needs the bytes of files that are not UTF-8.
      if Terminal.isInteractive { return Self.put(String(decoding: kept, as: UTF8.self)) }
      return Terminal.put(bytes: kept)
    }
    let path = try ServerAPI.path("/api/delegations", reference, "/output")
    guard follow else {
      var localTimes = LocalTimeLines()
      var bytes = try await api.text(path, query: query(attempt))
      if timestamps { bytes = localTimes.take(bytes) }
      return raw ? Terminal.put(bytes: bytes) : show(String(decoding: bytes, as: UTF8.self))
    }
    var number = attempt
    repeat {
      try await follow(api, path, number)
      number = attempt == nil ? try await nextAttempt(api, of: reference, after: number) : nil
    } while number != nil
  }

  private func follow(_ api: ServerAPI, _ path: String, _ attempt: Int?) async throws {
    var localTimes = LocalTimeLines()
    let follower = ServerEventFollower(
      api: api, path: path,
      query: [("follow", "1")] + query(attempt), onLink: { _ in })
    try await follower.run { event in
      if event.type == "end" { return false }
      if event.type == "output",
        case .string(let piece)? = try? JSONValue(json: Array(event.data.utf8))
      {
        show(
          timestamps ? String(decoding: localTimes.take(Array(piece.utf8)), as: UTF8.self) : piece)
      }
      return true
    }
  }

  private func query(_ attempt: Int?) -> [(String, String?)] {
    // A terminal gets the colours, and a filter removes all other sequences.
    let isRaw = raw || Terminal.isInteractive
    return [
      ("attempt", attempt.map { String($0) }), ("timestamps", timestamps ? "1" : nil),
      ("raw", isRaw ? "1" : nil),
    ]
  }

  /// The attempt that began since; nil if the delegation has ended.
  private func nextAttempt(
    _ api: ServerAPI, of reference: String, after known: Int?
  ) async throws -> Int? {
    let now = try await api.get(ServerAPI.path("/api/delegations", reference))
    let last = Int(now["attempt"].integerValue ?? 0)
    let isOver = ["Pushed", "Failed"].contains(now["state"].stringValue)
    return last > known ?? last || !isOver ? last : nil
  }

  private static func put(_ text: String) {
    Terminal.put(Terminal.isInteractive ? AgentText.harmless(text) : text)
  }

  /// The output with --raw, unfiltered.
  private func show(_ text: String) {
    if raw { Terminal.put(text) } else { Self.put(text) }
  }
}

/// Filters an agent's output for a terminal: line ends, tabs and colours stay, all other control
/// sequences are removed.
enum AgentText {
  static func harmless(_ text: String) -> String {
    var out = ""
    var rest = text[...]
    while let escape = rest.firstIndex(of: "\u{1b}") {
      out += String(rest[..<escape]).safe(keepsLines: true)
      rest = rest[rest.index(after: escape)...]
      let sequence = rest.prefix { $0 == "[" || $0.isNumber || $0 == ";" }
      let end = sequence.endIndex
      // Select Graphic Rendition (ECMA-48, 8.3.117): colours and weights.
      if sequence.first == "[", end < rest.endIndex, rest[end] == "m" {
        if Terminal.hasColour { out += "\u{1b}\(sequence)m" }
        rest = rest[rest.index(after: end)...]
      } else {
        out += "\u{fffd}"
      }
    }
    return out + String(rest).safe(keepsLines: true)
  }
}
