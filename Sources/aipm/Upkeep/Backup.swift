import ArgumentParser
import EventLog
import Projections
import SQLiteEventStore
import SystemCalls
import Terminal
import Text

struct Backup: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copies the log into one file, also while a server runs, and checks the copy.",
    discussion: """
      The copy is one state of the log and its views, whole on disk when the command ends. \
      `aipm restore FILE` puts it back; so does copying it in place of aipm.db and removing \
      aipm.db-wal and aipm.db-shm.

      Example:
        aipm backup /backups/aipm-$(date +%F).db
      """)

  @Argument(
    help: ArgumentHelp("Where to; a file that is not there yet.", valueName: "file"),
    completion: .file())
  var file: String
  @OptionGroup var data: DataOption
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let folder = try data.folder
    do {
      guard let log = try LogFile.find(directory: folder) else {
        throw Failure("there is no log in \(folder): no file aipm.db", code: .notFound)
      }
      var progress = ProgressBar("events", total: try log.head().position)
      let copy = try LogBackup.make(of: folder, to: file) { progress.follow($0) }
      progress.end()
      if output.json { return copy.json.printLine() }
      Terminal.say(
        "\(file): \(Terminal.grouped(copy.events)) events, checked, up to position "
          + "\(copy.head.position) \(Hex.encode(copy.head.hash))")
    } catch let fault as StoreFault {
      throw Failure("\(fault)")
    }
  }
}

struct Restore: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Puts a backup in the place of the log; no server may run.",
    discussion: """
      The backup is checked first. What it replaces stays beside it as aipm.db.replaced. The next \
      start of the server sees that the log is older than it once was; \
      `aipm serve --accept-restore` goes on with it, and looks at the forge before it does \
      anything, so that nothing is done twice.
      """)

  @Argument(help: ArgumentHelp("A backup.", valueName: "file"), completion: .file())
  var file: String
  @OptionGroup var data: DataOption
  @OptionGroup var output: OutputOptions

  func run() async throws {
    let folder = try data.folder
    do {
      try DataFolder.makeFolder(folder)
      let lock = try FolderLock("\(folder)/lock")
      var progress = ProgressBar("events", total: nil)
      let copy = try LogBackup.restore(file, to: folder) { progress.follow($0) }
      progress.end()
      withExtendedLifetime(lock) {}
      if output.json { return copy.json.printLine() }
      Terminal.say(
        "\(folder)/aipm.db: \(Terminal.grouped(copy.events)) events, checked, up to position "
          + "\(copy.head.position)")
      Terminal.complain(
        "aipm: if events came after this backup, start with `aipm serve --accept-restore`")
    } catch let held as FolderLock.Held {
      throw Failure("\(held); stop that one, or name another folder")
    } catch let fault as FileFault {
      throw Failure("\(fault)")
    } catch let fault as DataFolder.Fault {
      throw Failure(fault.description)
    } catch let fault as StoreFault {
      throw Failure("\(fault)")
    }
  }
}
