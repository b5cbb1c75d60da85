import ArgumentParser
import Domain
import EventLog
import Glibc
import Projections
import Stores
import Terminal
import Text

struct Verify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks the log and its views, a backup, an export or a bundle.",
    discussion: """
      Without FILE: the whole log in the data folder, whether or not a server runs: the file's \
      structure, every hash, the views against the log row by row, what is kept to look things up \
      by, and the head that is kept outside of the database.

      With FILE: a backup, an export of the log (`aipm export`) or a bundle (`aipm export \
      --bundle REF`); its content shows which.

      Exit codes: 0 all is well, 1 something is not, 3 there is no such file.
      """)

  @Argument(
    help: ArgumentHelp("A backup, an export or a bundle.", valueName: "file"),
    completion: .file())
  var file: String?
  @OptionGroup var data: StoreOption
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if file != nil, data.data != nil || data.store != nil {
      throw ValidationError("FILE takes the place of --data and --store")
    }
  }

  func run() async throws {
    do {
      if let file { return try await verify(file) }
      try await verify(try data.driver.reader())
    } catch let missing as NoLog {
      throw Failure("\(missing)", code: .notFound)
    } catch let fault as StoreFault {
      throw Failure("\(fault)")
    }
  }

  private func verify(_ file: String) async throws {
    guard access(file, R_OK) == 0 else {
      throw Failure("\(file.safe()) cannot be read: \(SystemWords.of(errno))", code: .notFound)
    }
    switch try EvidenceKind(of: file) {
    case .database: try await verify(try StoreAccess.backup(file))
    case .export: try verifyExport(file)
    case .bundle: try verifyBundle(file)
    }
  }

  private func verify(_ log: any LogReader) async throws {
    let progress = ProgressBar("events", total: try await log.head().position)
    let found = try await log.verify { progress.show($0) }
    progress.end()
    if output.json {
      found.json.printLine()
    } else {
      found.say()
      Terminal.say(found.isSound ? "sound" : "damaged")
    }
    if !found.isSound { throw ExitCode(1) }
  }

  private func verifyExport(_ file: String) throws {
    var fold = LogFold(isChecking: true)
    var faults: [String] = []
    do {
      try ExportFile(path: file).scan {
        fold.take($0)
        return true
      }
    } catch let fault as CodecFault {
      faults.append("after event \(fold.head.position): \(fault)")
    }
    faults += fold.faults
    faults += fold.unexplainedRedactions.map {
      "the text of event \($0) is gone, and no event of the file records its removal"
    }
    try report(
      [
        "kind": .string("export"), "events": .integer(Int64(fold.events)),
        "views": .object(
          Dictionary(
            uniqueKeysWithValues: fold.projector.digests.map { ($0.rawValue, .string($1.hex)) })),
      ], head: fold.head, faults,
      "an export of \(Terminal.grouped(fold.events)) events, from the first to position "
        + "\(fold.head.position)")
  }

  private func verifyBundle(_ file: String) throws {
    var check = BundleCheck()
    try LineFile(path: file).forEachLine {
      check.take($0)
      return true
    }
    check.finish()
    let header = check.header
    let redacted = header?.redacted ?? []
    try report(
      [
        "kind": .string("bundle"),
        "delegation": header.map { .string($0.delegation.rawValue) } ?? .null,
        "events": .integer(Int64(check.events.count)),
        "redacted": .array(redacted.map { .integer($0) }),
      ], head: header?.head ?? .empty, check.faults,
      "a bundle of delegation \(header?.delegation.rawValue ?? "?"): \(check.events.count) events, "
        + "in a chain from position \(header?.before.position ?? 0) to "
        + "\(header?.head.position ?? 0)"
        + (redacted.isEmpty
          ? "" : "; redacted: \(redacted.map(String.init).joined(separator: ", "))"))
  }

  private func report(
    _ facts: [String: JSONValue], head: LogHead, _ faults: [String], _ words: String
  ) throws {
    if output.json {
      var object = facts
      object["head"] = .object([
        "position": .integer(head.position), "hash": .string(Hex.encode(head.hash)),
      ])
      object["faults"] = .array(faults.map { .string($0) })
      object["sound"] = .bool(faults.isEmpty)
      JSONValue.object(object).printLine()
    } else {
      Terminal.say(words.safe())
      Terminal.say("head           \(head.position) \(Hex.encode(head.hash))")
      for fault in faults { Terminal.complain("aipm: \(fault.safe())") }
      Terminal.say(faults.isEmpty ? "sound" : "damaged")
    }
    if !faults.isEmpty { throw ExitCode(1) }
  }
}

/// The kind of a file to check.
enum EvidenceKind {
  case database, export, bundle

  /// - Throws: `StoreFault` if it cannot be read.
  init(of path: String) throws {
    var first: [UInt8] = []
    try LineFile(path: path).forEachLine { line in
      first = line
      return false
    }
    if first.starts(with: "SQLite format 3".utf8) {
      self = .database
    } else if let json = try? JSONValue(json: first), json["format"] != .null {
      self = .bundle
    } else {
      self = .export
    }
  }
}
