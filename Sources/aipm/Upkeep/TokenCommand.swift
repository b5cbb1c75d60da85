import Access
import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import Glibc
import Server
import SystemCalls
import Terminal
import Text
import Workflows

struct TokenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token",
    abstract: "The tokens by which programs, people and workers are known.",
    discussion: """
      It works on the data folder, whether or not a server runs. A change applies from the next \
      request on, and is recorded in the log within a second, or when the server starts. A token's \
      text is shown once and not stored.

      A token is required if the server runs with --access token. A request with a token always \
      has the token's role.

      Examples:
        aipm token create ci --role submit --repo 'acme/*' --expires 90d
        aipm token create builder-1 --role worker
        aipm token revoke ci
      """,
    subcommands: [Create.self, Tokens.self, Revoke.self])

  struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes a token and prints it.",
      discussion: """
        Roles:
        \(Role.allCases.map { "  \($0.rawValue): \($0.summary)" }.joined(separator: "\n"))

        The name is the requester of delegations and the actor of events. A token with --repo sees \
        and changes the delegations of these repositories only. A worker's token speaks for the \
        worker that registers with it first, and for no other.

        Examples:
          AIPM_TOKEN=$(aipm token create ci --role submit --repo 'acme/*')
          AIPM_TOKEN=$(aipm token create builder-1 --role worker)
        """)

    @Argument(help: "A name of your choice.")
    var name: String
    @Option(help: "What it may do, see above.")
    var role: Role
    @Option(
      help: ArgumentHelp(
        "Only these repositories: OWNER/REPO, in which * stands for any characters (all).",
        valueName: "pattern"))
    var repo: [String] = []
    @Option(help: ArgumentHelp("How long it is valid, such as 90d (for ever).", valueName: "time"))
    var expires: String?
    @OptionGroup var folder: DataOption
    @Flag(help: "Print it as one object.")
    var json = false

    func validate() throws {
      guard repo.isEmpty || role.permissions.contains(.read) else {
        throw ValidationError("--repo does not go with --role \(role.rawValue): leave it out")
      }
    }

    func run() throws {
      var end: Timestamp?
      if let expires {
        guard let span = Quantity.duration(expires), span.count > 0 else {
          throw ValidationError("--expires is \(expires): \(Quantity.durationForm)")
        }
        end = .now + span
      }
      let made: (text: String, record: TokenStore.Record)
      let store = TokenStore(data: try folder.folder)
      do throws(TokenStore.Fault) {
        made = try store.create(
          name, role: role, repositories: repo, expires: end, by: TokenCommand.user)
      } catch {
        switch error {
        case .notAName, .reserved, .notAPattern: throw ValidationError("\(error)")
        case .nameTaken, .unknown, .file: throw Failure("\(error)")
        }
      }
      if json {
        var object = made.record.json
        object["token"] = .string(made.text)
        JSONValue.object(object).printLine()
      } else {
        Terminal.say(made.text)
        let use = role == .worker ? "aipm worker" : "aipm and other programs"
        Terminal.complain(
          "aipm: keep it, for it is not shown again; give it to \(use) as AIPM_TOKEN")
      }
    }
  }

  struct Tokens: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "Lists the tokens: name, role, limits, when created, and whether they are valid.")

    @OptionGroup var folder: DataOption
    @Flag(help: "Print them as one object.")
    var json = false

    func run() throws {
      // The server manages the tokens of local workers.
      let records = TokenStore(data: try folder.folder).all().filter { $0.role != .localWorker }
      if json {
        JSONValue.object(["items": .array(records.map { .object($0.json) })]).printLine()
        return
      }
      if records.isEmpty { Terminal.complain("no tokens; aipm token create makes one") }
      guard !records.isEmpty else { return }
      Terminal.table(
        ["NAME", "ROLE", "FOR", "CREATED", "STATE"],
        records.map { record in
          [
            record.name.safe(), record.role.rawValue, Self.limits(record).safe(),
            Self.time(record.created), Self.state(record),
          ]
        })
    }

    private static func limits(_ record: TokenStore.Record) -> String {
      guard record.role == .role(.worker) else {
        return record.repositories?.joined(separator: " ") ?? "all repositories"
      }
      return record.worker ?? (record.isShared ? "any worker" : "no worker yet")
    }

    private static func state(_ record: TokenStore.Record) -> String {
      if let revoked = record.revoked { return "revoked \(time(revoked))" }
      guard let expires = record.expires else { return "valid" }
      return record.isValid(at: .now) ? "valid until \(time(expires))" : "expired \(time(expires))"
    }

    private static func time(_ milliseconds: Int64) -> String {
      LocalTime.text(Timestamp(milliseconds: milliseconds))
    }
  }

  struct Revoke: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Revokes a token. Its open streams end within a second; so does its worker.")

    @Argument(help: "The token's name.")
    var name: String
    @OptionGroup var folder: DataOption

    func run() throws {
      let store = TokenStore(data: try folder.folder)
      do throws(TokenStore.Fault) {
        try store.revoke(name, by: TokenCommand.user)
      } catch {
        switch error {
        case .unknown: throw Failure("\(error)", code: .notFound)
        case .notAName, .reserved, .notAPattern, .nameTaken, .file: throw Failure("\(error)")
        }
      }
      Terminal.complain("aipm: revoked \(name.safe())")
    }
  }

  /// The name of the user that runs this command, also through sudo; nil if it is unknown.
  private static var user: String? {
    if let name = ProcessInfo.processInfo.environment["SUDO_USER"], !name.isEmpty { return name }
    return getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) }
  }
}

extension Role: ExpressibleByArgument {}

extension TokenStore.Record {
  fileprivate var json: [String: JSONValue] {
    func time(_ milliseconds: Int64?) -> JSONValue {
      milliseconds.map { .string(Timestamp(milliseconds: $0).iso8601) } ?? .null
    }
    return [
      "name": .string(name), "role": .string(role.rawValue), "id": .string(id),
      "worker": worker.map { .string($0) } ?? .null, "shared": .bool(isShared),
      "repositories": .array((repositories ?? []).map { .string($0) }),
      "created": time(created), "expires": time(expires), "revoked": time(revoked),
    ]
  }
}
