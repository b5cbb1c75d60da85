// The program, with one file for each subcommand. Serve/ contains what runs (server, worker, forge,
// the built-in agent) and assembles the parts. Client/ contains the clients of a server, which use
// only the HTTP API. Upkeep/ contains operations on the files of the data folder.
//
// Guarantees: standard output contains only the requested data, so that it can be piped. Messages
// about it go to standard error. Text of users, agents and forges is shown on a terminal and never
// interpreted by it.
//
// Failures: a message with a remedy, and an exit code for scripts: 0 done, 1 failed, 2 wrong usage,
// 3 not found, 4 server not reached, 5 refused.

import ArgumentParser
import Domain
import Glibc
import Processes
import Terminal

@main
struct AIPM: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "aipm",
    abstract: "Delegates code to agents, and keeps a log of it that proves what happened.",
    discussion: """
      Start with `aipm serve`, then `aipm submit --wait …`, or open the web page. Subcommands that \
      ask a server find it by --server, else AIPM_SERVER, else http://127.0.0.1:8080.

      Exit codes: 0 done, 1 the thing asked for failed, 2 usage, 3 not found, 4 server not \
      reached, 5 refused.

      Tab completion: aipm --generate-completion-script bash|zsh|fish
      """,
    version: ServerProcess.version,
    subcommands: [DemoAgentRun.self],
    groupedSubcommands: [
      CommandGroup(
        name: "Run",
        subcommands: [
          Serve.self, WorkerRun.self, ForgeCommand.self, Doctor.self, ConfigCommand.self,
          WorkflowsCommand.self,
        ]),
      CommandGroup(
        name: "Delegate and watch",
        subcommands: [
          Submit.self, Ask.self, List.self, Show.self, Open.self, Watch.self, Logs.self, Diff.self,
          Cancel.self, Retry.self, Usage.self,
        ]),
      CommandGroup(
        name: "List more",
        subcommands: [
          PullRequests.self, Repositories.self, Agents.self, Workers.self,
        ]),
      CommandGroup(
        name: "Look into the log", subcommands: [Audit.self, Why.self, Export.self, Verify.self]),
      CommandGroup(
        name: "Copy, restore and redact the log",
        subcommands: [Backup.self, Restore.self, Copy.self, Redact.self]),
      CommandGroup(name: "Let workers in", subcommands: [TokenCommand.self]),
    ])

  static func main() async {
    // The first process in a sandbox: it must start fast and needs nothing else.
    if CommandLine.argc > 1, let word = CommandLine.unsafeArgv[1], strcmp(word, "confine") == 0 {
      leave(Confinement.become(Array(CommandLine.arguments.dropFirst(2))))
    }
    let command: any ParsableCommand
    do {
      command = try parseAsRoot(CommandWords.expanded(Array(CommandLine.arguments.dropFirst())))
    } catch {
      end(with: error, of: AIPM.self)
    }
    do {
      try await run(command)
    } catch {
      end(with: error, of: type(of: command))
    }
    if let code = Terminal.outputFailure {
      Terminal.complain("aipm: the output could not be written: \(SystemWords.of(code))")
      leave(Failure.Code.failed.rawValue)
    }
    leave(0)
  }

  private static func run(_ command: any ParsableCommand) async throws {
    var command = command
    if var asynchronous = command as? any AsyncParsableCommand {
      try await asynchronous.run()
    } else {
      try command.run()
    }
  }

  /// Prints the error, and exits with its code.
  private static func end(with error: any Error, of command: any ParsableCommand.Type) -> Never {
    if let failure = error as? Failure {
      Terminal.complain("aipm: \(failure.description)")
      leave(failure.code.rawValue)
    }
    if let wrong = error as? ValidationError {
      let usage = HelpText.wrapped(usage(of: command), columns: HelpText.columns)
      Terminal.complain("aipm: \(wrong.message)\n\(usage)")
      leave(Failure.Code.usage.rawValue)
    }
    if let code = error as? ExitCode { leave(code.rawValue) }
    // Help and version are not errors.
    if exitCode(for: error) == .success {
      Terminal.say(
        HelpText.wrapped(
          HelpText.corrected(fullMessage(for: error)), columns: HelpText.columns))
      leave(0)
    }
    guard exitCode(for: error) == .validationFailure else {
      Terminal.complain("aipm: \(SystemWords.of(error))")
      leave(Failure.Code.failed.rawValue)
    }
    Terminal.complain(HelpText.wrapped(misuse(error), columns: HelpText.columns))
    leave(Failure.Code.usage.rawValue)
  }

  /// Ends the process without the exit handlers of libraries: the thread of an HTTP client may
  /// still use them.
  private static func leave(_ code: Int32) -> Never {
    fflush(nil)
    _exit(code)
  }
}

extension AIPM {
  /// The usage of a subcommand.
  private static func usage(of command: any ParsableCommand.Type) -> String {
    let usage = usageString(for: command)
    let name = words(before: command).joined(separator: " ")
    let line = usage.hasPrefix("Usage:") ? usage : "Usage: \(usage)"
    return "\(line)\n  See 'aipm \(name.isEmpty ? "" : name + " ")--help' for more information."
  }

  /// The names of a subcommand, as in `workers drain`.
  private static func words(
    before command: any ParsableCommand.Type, from root: any ParsableCommand.Type = AIPM.self
  ) -> [String] {
    for sub in subcommands(of: root) {
      if ObjectIdentifier(sub) == ObjectIdentifier(command) { return [sub._commandName] }
      let rest = words(before: command, from: sub)
      if !rest.isEmpty { return [sub._commandName] + rest }
    }
    return []
  }

  private static func subcommands(
    of command: any ParsableCommand.Type
  ) -> [any ParsableCommand.Type] {
    let configuration = command.configuration
    return configuration.ungroupedSubcommands
      + configuration.groupedSubcommands.flatMap { $0.subcommands }
  }

  /// The error in an invalid command line.
  private static func misuse(_ error: any Error) -> String {
    if let unknown = unknownSubcommand(CommandLine.arguments.dropFirst()) { return unknown }
    let message = HelpText.corrected(fullMessage(for: error))
    let prefix = "Error: "
    return "aipm: " + (message.hasPrefix(prefix) ? message.dropFirst(prefix.count) : message[...])
  }

  /// What other programs call a subcommand.
  private static let otherNames = [
    "status": "list --needs-you", "pr": "pull-requests", "repo": "repositories", "run": "submit",
    "create": "submit", "new": "submit", "delegate": "submit", "log": "logs", "follow": "watch",
    "browse": "open", "stop": "cancel", "kill": "cancel", "abort": "cancel", "rerun": "retry",
    "comment": "ask", "review": "ask", "cost": "usage", "costs": "usage", "events": "audit",
    "explain": "why", "login": "token", "auth": "token",
  ]

  /// - Returns: nil if each word in a subcommand's position is valid.
  private static func unknownSubcommand(_ arguments: ArraySlice<String>) -> String? {
    var command: any ParsableCommand.Type = AIPM.self
    var path = "aipm"
    for word in arguments {
      let known = subcommands(of: command)
      guard !known.isEmpty, !word.hasPrefix("-") else { return nil }
      if let next = known.first(where: { $0.allNames.contains(word) }) {
        command = next
        path += " \(word)"
        continue
      }
      let shown = known.filter { $0.configuration.shouldDisplay }
      let names = shown.map { $0._commandName }
      let isRoot = path == "aipm"
      let near =
        (isRoot ? otherNames[word] : nil)
        ?? Spelling.nearest(to: word, in: shown.flatMap { $0.allNames })
        ?? (isRoot ? Spelling.nearest(to: word, in: otherNames.keys.sorted()) : nil)
        .flatMap { otherNames[$0] }
      // A default subcommand parses its own arguments.
      if near == nil, command.configuration.defaultSubcommand != nil { return nil }
      let hint =
        near.map { "did you mean '\(path) \($0)'?" }
        ?? (isRoot
          ? "`aipm --help` lists them" : "there are: \(names.joined(separator: ", "))")
      return "aipm: \(word.safe()) is not a subcommand of \(path); \(hint)\n"
        + "Usage: \(path) <subcommand>\n  See '\(path) --help' for more information."
    }
    return nil
  }
}

extension ParsableCommand {
  /// Its name and its aliases.
  fileprivate static var allNames: [String] { [_commandName] + configuration.aliases }
}

/// A request that failed, with a message for people.
struct Failure: Error, CustomStringConvertible {
  enum Code: Int32 {
    case failed = 1
    case usage = 2
    case notFound = 3
    case notReached = 4
    case refused = 5
  }
  let description: String
  let code: Code

  init(_ description: String, code: Code = .failed) {
    self.description = description
    self.code = code
  }
}
