// The program: one file to a subcommand. Serve/ holds what runs (server, worker, forge, the agent
// that is built in) and the one place where everything is put together; Client/ holds what asks a
// server, through the HTTP API and nothing else; Upkeep/ holds what works on the data folder's
// files.
//
// What it promises: standard output carries what was asked for and nothing else, so that it can be
// piped; words to people about it go to standard error; what users, agents and forges wrote is
// shown on a terminal and never obeyed by it.
//
// How it fails: with words that say what to do, and an exit code that scripts rely on: 0 done, 1
// the thing asked for failed, 2 usage, 3 not found, 4 server not reached, 5 refused.

import ArgumentParser
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
          Serve.self, WorkerRun.self, ForgeCommand.self, Doctor.self, WorkflowsCommand.self,
        ]),
      CommandGroup(
        name: "Delegate and watch",
        subcommands: [
          Submit.self, List.self, Show.self, Watch.self, Logs.self, Cancel.self, Retry.self,
          Workers.self,
        ]),
      CommandGroup(
        name: "Look into the log", subcommands: [Audit.self, Why.self, Export.self, Verify.self]),
      CommandGroup(
        name: "Keep it",
        subcommands: [Backup.self, Restore.self, Redact.self, TokenCommand.self]),
    ])

  static func main() async {
    // The first process in a sandbox: it has no time for anything else, and no need of it.
    if CommandLine.argc > 1, let word = CommandLine.unsafeArgv[1], strcmp(word, "confine") == 0 {
      leave(Confinement.become(Array(CommandLine.arguments.dropFirst(2))))
    }
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
      leave(0)
    } catch let failure as Failure {
      Terminal.complain("aipm: \(failure.description)")
      leave(failure.code.rawValue)
    } catch let code as ExitCode {
      leave(code.rawValue)
    } catch {
      // Help and version are no faults.
      if exitCode(for: error) == .success { exit(withError: error) }
      Terminal.complain(fullMessage(for: error))
      let isUsage = exitCode(for: error) == .validationFailure
      leave(isUsage ? Failure.Code.usage.rawValue : Failure.Code.failed.rawValue)
    }
  }

  /// Ends the process without what libraries do at an exit: the thread of an HTTP client may be at
  /// work in one of them, and would find it torn down.
  private static func leave(_ code: Int32) -> Never {
    fflush(nil)
    _exit(code)
  }
}

/// Something that was asked for could not be done; the words are for people.
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
