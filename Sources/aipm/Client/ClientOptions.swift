import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import Terminal
import Text

/// The server of a subcommand.
struct ClientOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The server's address (AIPM_SERVER, else http://127.0.0.1:8080).", valueName: "url"))
  var server: String?

  /// - Throws: `Failure` if the address is invalid.
  var api: ServerAPI {
    get throws {
      let environment = ProcessInfo.processInfo.environment
      func set(_ name: String) -> String? {
        environment[name].flatMap { $0.isEmpty ? nil : $0 }
      }
      let address = server ?? set("AIPM_SERVER") ?? "http://127.0.0.1:8080"
      guard address.hasPrefix("http://") || address.hasPrefix("https://") else {
        throw Failure(
          "\(address) is not an address of a server; write http://HOST:PORT", code: .usage)
      }
      return ServerAPI(address: address, token: set("AIPM_TOKEN"))
    }
  }
}

/// Whether a subcommand on files prints for people or for programs.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON, as the API has it.")
  var json = false
}

/// What a shell completes by asking the server.
extension CompletionKind {
  static var delegations: CompletionKind { .shellCommand("aipm list --quiet 2>/dev/null") }
  static var repositories: CompletionKind { .shellCommand("aipm repositories 2>/dev/null") }
  static var agents: CompletionKind {
    .shellCommand("aipm agents 2>/dev/null | sed '1d; s/ .*//'")
  }
}

/// The delegation of a subcommand.
struct ReferenceArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "An id, a confirmation code, or OWNER/REPO#NUMBER (the newest delegation of that PR); "
        + "in a clone NUMBER is enough.",
      valueName: "ref"),
    completion: .delegations)
  var reference: String

  /// The reference as the server takes it. In a clone, `12` or `#12` is a pull request of its
  /// repository.
  func resolve(_ api: ServerAPI) async throws -> String {
    try await Self.resolved(reference, api)
  }

  /// The same for a reference from elsewhere.
  static func resolved(_ reference: String, _ api: ServerAPI) async throws -> String {
    let digits = reference.hasPrefix("#") ? reference.dropFirst() : reference[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) else { return reference }
    return "\(try await Clone.repository(api))#\(digits)"
  }
}

extension JSONValue {
  /// The text without terminal sequences; nil if this is not a string.
  var safeText: String? { stringValue?.safe() }

  /// The time; nil if this is not one.
  var time: Timestamp? { stringValue.flatMap { Timestamp(iso8601: $0) } }

  /// The safe text of words that somebody may have redacted.
  var words: String { safeText ?? "(its words were removed)" }

  /// Prints for programs: one line, keys sorted.
  func printLine() { Terminal.say(canonicalText) }
}
