import ArgumentParser
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

/// Whether a subcommand prints for people or for programs.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print JSON, as the API has it.")
  var json = false
}

/// The delegation of a subcommand.
struct ReferenceArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "An id, a confirmation code, or OWNER/REPO#NUMBER (the newest delegation of that PR).",
      valueName: "ref"),
    completion: .shellCommand("aipm list --quiet 2>/dev/null"))
  var reference: String
}

extension JSONValue {
  /// The text without terminal sequences; nil if this is not a string.
  var safeText: String? { stringValue?.safe() }

  /// Prints for programs: one line, keys sorted.
  func printLine() { Terminal.say(canonicalText) }
}
