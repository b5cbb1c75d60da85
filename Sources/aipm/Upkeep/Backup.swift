import ArgumentParser
import EventLog
import Projections
import Terminal
import Text

struct Backup: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copies the log into one file, also while a server runs, and checks the copy.",
    discussion: """
      The copy is one state of the log and its views, whole on disk when the command ends. \
      `aipm restore FILE` restores it; so does copying it over aipm.db and removing \
      aipm.db-wal and aipm.db-shm.

      Example:
        aipm backup /backups/aipm-$(date +%F).db
      """)

  @Argument(
    help: ArgumentHelp("The target; the file must not exist.", valueName: "file"),
    completion: .file())
  var file: String
  @OptionGroup var data: StoreOption
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let store = try data.driver
    do {
      let progress = ProgressBar("events", total: try await store.reader().head().position)
      let copy = try await store.backUp(to: file) { progress.show($0) }
      progress.end()
      if output.json { return copy.json.printLine() }
      Terminal.say(
        "\(file): \(Terminal.grouped(copy.events)) events, checked, up to position "
          + "\(copy.head.position) \(Hex.encode(copy.head.hash))")
    } catch let missing as NoLog {
      throw Failure("\(missing)", code: .notFound)
    } catch let fault as StoreFault {
      throw Failure("\(fault)")
    }
  }
}

struct Restore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Replaces the log with a backup; no server may run.",
    discussion: """
      The backup is checked first. What it replaces stays beside it as aipm.db.replaced. The next \
      start of the server sees that the log is older than it once was; \
      `aipm serve --accept-restore` goes on with it, and looks at the forge before it does \
      anything, so that nothing is done twice.
      """)

  @Argument(help: ArgumentHelp("A backup.", valueName: "file"), completion: .file())
  var file: String
  @OptionGroup var data: StoreOption
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let folder = try data.folder
    do {
      try DataFolder.makeFolder(folder)
      let store = try data.driver
      let lock = try store.lock()
      let progress = ProgressBar("events", total: nil)
      let copy = try await store.restore(from: file) { progress.show($0) }
      progress.end()
      withExtendedLifetime(lock) {}
      if output.json { return copy.json.printLine() }
      Terminal.say(
        "\(store): \(Terminal.grouped(copy.events)) events, checked, up to position "
          + "\(copy.head.position)")
      Terminal.complain(
        "aipm: if events came after this backup, start with `aipm serve --accept-restore`")
    } catch let fault as StoreInUse {
      throw Failure("\(fault)")
    } catch let fault as DataFolder.Fault {
      throw Failure(fault.description)
    } catch let fault as StoreFault {
      throw Failure("\(fault)")
    }
  }
}
