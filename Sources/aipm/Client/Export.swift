import ArgumentParser
import EventLog
import Glibc
import SystemCalls
import Terminal
import Text

struct Export: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes the log, or one delegation's evidence or trace, as lines of JSON.",
    discussion: """
      Without --bundle: every event there is, one envelope a line; `aipm-replay --log FILE` folds \
      it, and `aipm verify FILE` checks it.

      With --bundle: one delegation's events, and of all others up to the head only the hashes, so \
      that a third party can check the chain without the database. `aipm verify FILE` does, and \
      the guide's page on the hash format says how to do it in any language.

      With --trace: one delegation as a trace of OpenTelemetry, in the form that collectors take \
      at /v1/traces.

      Examples:
        aipm export --output log.jsonl
        aipm export --bundle PR1733356800123 --output evidence.jsonl
        aipm export --trace PR1733356800123 --output trace.json
      """)

  private static let pageLength: Int64 = 1000

  @Option(
    help: ArgumentHelp(
      "An id, a confirmation code, or OWNER/REPO#NUMBER.", valueName: "ref"),
    completion: .delegations)
  var bundle: String?
  @Option(
    help: ArgumentHelp(
      "An id, a confirmation code, or OWNER/REPO#NUMBER.", valueName: "ref"),
    completion: .delegations)
  var trace: String?
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Write there instead of to standard output; - is standard output.", valueName: "file"),
    completion: .file())
  var output: String?
  @Flag(name: .shortAndLong, help: "Overwrite the file without a question.")
  var force = false
  @OptionGroup var client: ClientOptions

  func validate() throws {
    if bundle != nil, trace != nil {
      throw ValidationError("--bundle and --trace are different exports: write one of them")
    }
  }

  func run() async throws {
    let api = try client.api
    let output = output == "-" ? nil : output
    if let output, !force, FileSink.replaces(output) {
      try Confirmation.ask("\(output) exists already. Overwrite it?", flag: "--force")
    }
    let sink = try output.map { try FileSink(path: $0) }
    func put(_ bytes: [UInt8]) throws {
      if let sink {
        try sink.put(bytes)
      } else {
        Terminal.put(bytes: bytes)
      }
    }
    if let bundle {
      let bundle = try await ReferenceArgument.resolved(bundle, api)
      let path = try ServerAPI.path("/api/delegations", bundle, "/bundle")
      try await api.download(path) { try put($0) }
    } else if let trace {
      let trace = try await ReferenceArgument.resolved(trace, api)
      let path = try ServerAPI.path("/api/delegations", trace, "/trace")
      try await api.download(path) { try put($0) }
    } else {
      try await wholeLog(api, put)
    }
    try sink?.finish()
  }

  /// Ends at the event that is the last one now.
  private func wholeLog(_ api: ServerAPI, _ put: ([UInt8]) throws -> Void) async throws {
    var after: Int64 = 0
    while true {
      let page = try await api.get(
        "/api/events", query: [("after", String(after)), ("limit", String(Self.pageLength))])
      let items = page["items"].arrayValue ?? []
      var lines: [UInt8] = []
      for item in items {
        item.write(into: &lines)
        lines.append(UInt8(ascii: "\n"))
      }
      if !lines.isEmpty { try put(lines) }
      guard let next = page["next"].integerValue else { return }
      after = next
    }
  }
}

/// A file that is written completely or not at all. A link stays, and its target is made or
/// replaced. A pipe or device is written directly.
final class FileSink {
  private let path: String
  /// The temporary file's path until it is renamed; nil if the file is written directly.
  private let temporary: String?
  private let file: OpenFile
  private var isFinished = false

  /// Whether a file would be overwritten.
  static func replaces(_ path: String) -> Bool {
    var facts = stat()
    return stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFREG
  }

  /// - Throws: `Failure` if the file cannot be made.
  init(path: String) throws {
    var facts = stat()
    let isThere = stat(path, &facts) == 0
    let isFile = facts.st_mode & S_IFMT == S_IFREG
    if isThere, facts.st_mode & S_IFMT == S_IFDIR {
      throw Failure("\(path) cannot be written: \(SystemWords.of(EISDIR))")
    }
    self.path = Self.target(of: path)
    temporary = isThere && !isFile ? nil : self.path + ".part"
    do throws(FileFault) {
      file =
        if let temporary {
          try OpenFile(temporary, O_WRONLY | O_CREAT | O_TRUNC)
        } else {
          try OpenFile(path, O_WRONLY | O_NOCTTY)
        }
    } catch {
      throw Failure("\(path) cannot be written: \(SystemWords.of(error.code))")
    }
  }

  deinit {
    if !isFinished, let temporary { unlink(temporary) }
  }

  /// The target of a link, even if it does not exist yet.
  private static func target(of path: String) -> String {
    var path = path
    // The kernel's own limit (path_resolution(7)).
    for _ in 0..<40 {
      var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
      let count = readlink(path, &bytes, bytes.count)
      guard count > 0 else { break }
      let target = String(
        decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
      path = target.hasPrefix("/") ? target : folder + target
    }
    return path
  }

  /// Writes all of `bytes`.
  func put(_ bytes: [UInt8]) throws {
    do throws(FileFault) { try file.write(bytes) } catch { throw failure(error) }
  }

  /// Renames the file after it is on disk.
  func finish() throws {
    if let temporary {
      do throws(FileFault) {
        try file.sync()
        try DurableFile.rename(temporary, to: path)
      } catch { throw failure(error) }
    }
    isFinished = true
  }

  private func failure(_ fault: FileFault) -> Failure {
    Failure("\(path): \(fault.operation) failed: \(SystemWords.of(fault.code))")
  }
}
