import ArgumentParser
import Domain
import EventLog
import Server
import Terminal
import Text

struct TokenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token",
    abstract: "The tokens by which workers of other machines are known.",
    discussion: """
      It works on the data folder, whether or not a server runs; what it changes holds from the next
      request on. A token's text is shown once and kept nowhere.

      Examples:
        aipm token create builder-1 --role worker
        aipm token revoke builder-1
      """,
    subcommands: [Create.self, Tokens.self, Revoke.self])

  struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes a token and prints it.",
      discussion: """
        A worker's token speaks for the worker that registers with it first, and for no other.

        Example:
          AIPM_TOKEN=$(aipm token create builder-1 --role worker)
        """)

    @Argument(help: "A name of your choice.")
    var name: String
    @Option(help: ArgumentHelp("What it is good for: worker.", valueName: "role"))
    var role: String
    @OptionGroup var folder: DataOption
    @Flag(help: "Print it as one object.")
    var json = false

    func run() throws {
      guard role == TokenStore.Role.worker.rawValue else {
        throw ValidationError("--role is \(role): write worker")
      }
      let made: (text: String, record: TokenStore.Record)
      let store = TokenStore(data: try folder.folder)
      do throws(TokenStore.Fault) {
        made = try store.create(name, role: .worker)
      } catch {
        switch error {
        case .notAName: throw ValidationError("\(error)")
        case .nameTaken, .unknown, .file: throw Failure("\(error)")
        }
      }
      if json {
        var object = made.record.json
        object["token"] = .string(made.text)
        JSONValue.object(object).printLine()
      } else {
        Terminal.say(made.text)
        Terminal.complain(
          "aipm: keep it, for it is not shown again; give it to aipm worker as AIPM_TOKEN")
      }
    }
  }

  struct Tokens: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "Lists the tokens: name, role, worker, when made, and whether revoked.")

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
      for record in records {
        let worker = record.worker ?? (record.isShared ? "any worker" : "no worker yet")
        let state = record.revoked.map { "revoked \(Self.time($0))" } ?? "valid"
        Terminal.say(
          "\(record.name.safe())  \(record.role.rawValue)  \(worker.safe())  "
            + "made \(Self.time(record.created))  \(state)")
      }
    }

    private static func time(_ milliseconds: Int64) -> String {
      Timestamp(milliseconds: milliseconds).iso8601
    }
  }

  struct Revoke: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "A token is valid no longer; its worker ends.")

    @Argument(help: "The token's name.")
    var name: String
    @OptionGroup var folder: DataOption

    func run() throws {
      let store = TokenStore(data: try folder.folder)
      do throws(TokenStore.Fault) {
        try store.revoke(name)
      } catch {
        switch error {
        case .unknown: throw Failure("\(error)", code: .notFound)
        case .notAName, .nameTaken, .file: throw Failure("\(error)")
        }
      }
      Terminal.complain("aipm: revoked \(name.safe())")
    }
  }
}

extension TokenStore.Record {
  fileprivate var json: [String: JSONValue] {
    [
      "name": .string(name), "role": .string(role.rawValue), "id": .string(id),
      "worker": worker.map { .string($0) } ?? .null, "shared": .bool(isShared),
      "created": .string(Timestamp(milliseconds: created).iso8601),
      "revoked": revoked.map { .string(Timestamp(milliseconds: $0).iso8601) } ?? .null,
    ]
  }
}
