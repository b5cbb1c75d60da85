import Access
import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import Glibc
import Projections
import Server
import SystemCalls
import Terminal
import Text
import Workflows

struct TokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token",
    abstract: "The tokens by which programs, people and workers are known.",
    discussion: """
      It works on the data folder, whether or not a server runs. A change applies from the next \
      request on, and is recorded in the log within a second, or when the server starts. A token's \
      text is shown once and not stored.

      With a store on PostgreSQL (--store) a change is in the database before the command ends, \
      and applies on its other servers within a second. Who can read that database has the keys \
      of all tokens.

      A token is required if the server runs with --access token. A request with a token always \
      has the token's role.

      Examples:
        aipm token create ci --role submit --repo 'acme/*' --expires 90d
        aipm token create builder-1 --role worker
        aipm token revoke ci
      """,
    subcommands: [Create.self, Tokens.self, Revoke.self])

  struct Create: AsyncParsableCommand {
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
    @OptionGroup var place: StoreOption
    @Flag(help: "Print it as one object.")
    var json = false

    func validate() throws {
      guard repo.isEmpty || role.permissions.contains(.read) else {
        throw ValidationError("--repo does not go with --role \(role.rawValue): leave it out")
      }
    }

    func run() async throws {
      var end: Timestamp?
      if let expires {
        guard let span = Quantity.duration(expires), span.count > 0 else {
          throw ValidationError("--expires is \(expires): \(Quantity.durationForm)")
        }
        end = .now + span
      }
      let made: (text: String, record: TokenStore.Record)
      let store = TokenStore(data: try place.folder)
      let shared = try await TokenCommand.shared(store, place)
      do throws(TokenStore.Fault) {
        made = try await store.create(
          name, role: role, repositories: repo, expires: end, by: TokenCommand.user,
          sharing: shared)
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

  struct Tokens: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "Lists the tokens: name, role, limits, when created, and whether they are valid.")

    @OptionGroup var place: StoreOption
    @Flag(help: "Print them as one object.")
    var json = false

    func run() async throws {
      let store = TokenStore(data: try place.folder)
      let shared = try await TokenCommand.shared(store, place)
      do throws(TokenStore.Fault) {
        try await shared?.exchange()
      } catch { throw Failure("\(error)") }
      // The server manages the tokens of local workers.
      let records = store.all().filter { $0.role != .localWorker }
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

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Revokes a token. Its open streams end within a second; so does its worker.")

    @Argument(help: "The token's name.")
    var name: String
    @OptionGroup var place: StoreOption

    func run() async throws {
      let store = TokenStore(data: try place.folder)
      let shared = try await TokenCommand.shared(store, place)
      do throws(TokenStore.Fault) {
        try await store.revoke(name, by: TokenCommand.user, sharing: shared)
      } catch {
        switch error {
        case .unknown: throw Failure("\(error)", code: .notFound)
        case .notAName, .reserved, .notAPattern, .nameTaken, .file: throw Failure("\(error)")
        }
      }
      Terminal.complain("aipm: revoked \(name.safe())")
    }
  }

  /// The tokens that the servers of the store share; nil if the data folder is their only place.
  /// - Throws: `Failure` if the store cannot be reached: a change would be lost with this machine.
  private static func shared(
    _ store: TokenStore, _ place: StoreOption
  ) async throws -> SharedTokens? {
    let driver = try place.driver
    do throws(StoreFault) {
      return try await driver.sharedFiles().map { SharedTokens(store, $0) }
    } catch { throw Failure("the tokens that servers share cannot be reached: \(error)") }
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
