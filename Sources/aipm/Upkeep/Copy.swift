import ArgumentParser
import EventLog
import Projections
import Stores
import Terminal
import Text

struct Copy: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copies a log to another store, every hash equal; no server may run.",
    discussion: """
      A store is a data folder, or postgresql://USER@HOST/DATABASE without a password (use \
      PGPASSFILE). The target must not have a log. Events are copied as they are, with their \
      hashes; the copy is checked completely, and its end is compared with the source's, before it \
      is used. The source is not changed.

      Examples:
        aipm copy --from .aipm --to postgresql://aipm@db.example.org/aipm
        aipm copy --from postgresql://aipm@db.example.org/aipm --to /var/lib/aipm
      """)

  @Option(help: ArgumentHelp("A data folder or an address.", valueName: "store"))
  var from: String
  @Option(help: ArgumentHelp("A data folder or an address.", valueName: "store"))
  var to: String
  @OptionGroup var output: OutputOptions

  func validate() throws {
    for (name, text) in [("--from", from), ("--to", to)] {
      if StoreAddress(text)?.passwords.isEmpty == false {
        throw ValidationError(
          "\(name) contains a password, which others could read there: leave it out, and use "
            + "PGPASSFILE (or ~/.pgpass)")
      }
    }
    if from == to { throw ValidationError("--from and --to are the same store") }
  }

  func run() async throws {
    do {
      if StoreAddress(to) == nil { try DataFolder.makeFolder(to) }
      let (source, target) = (driver(from), driver(to))
      let log = try source.reader()
      // A server that goes on would write events that the copy does not have.
      let locks = [try source.lock(), try target.lock()]
      let progress = ProgressBar("events", total: try await log.head().position)
      let copy = try await target.copy(from: log) { progress.show($0) }
      progress.end()
      if let difference = try await LogCopy.difference(of: copy.head, from: log) {
        throw Failure("\(difference): the copy in \(target) must not be used")
      }
      withExtendedLifetime(locks) {}
      if output.json { return copy.json.printLine() }
      Terminal.say(
        "\(target): \(Terminal.grouped(copy.events)) events, each hash made again, up to position "
          + "\(copy.head.position) \(Hex.encode(copy.head.hash)), as in \(source)")
    } catch let missing as NoLog {
      throw Failure("\(missing)", code: .notFound)
    } catch let fault as StoreInUse {
      throw Failure("\(fault)")
    } catch let fault as DataFolder.Fault {
      throw Failure(fault.description)
    } catch let fault as StoreFault {
      throw Failure("\(fault)")
    }
  }

  private func driver(_ text: String) -> any StoreDriver {
    StoreAccess.driver(StoreLocation(text, folder: nil))
  }
}
