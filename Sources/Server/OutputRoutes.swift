import Domain
import Engine
import EventLog
import HTTPTypes
import Hummingbird
import NIOCore
import Projections
import SystemCalls
import Text

/// What an agent said, and what it told of its plan, its tools and its use, as it comes and after.
struct OutputRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.getOutput) { request, context in
      try await output(request, context)
    }
    router.on(.listRecords) { request, context in
      try await records(request, context)
    }
  }

  private func output(_ request: Request, _ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    let attempt = try DelegationRoutes.attempt(of: detail, asked: request)
    let form = Form(
      isTimed: Self.flag("timestamps", request), isRaw: Self.flag("raw", request))
    guard Self.flag("follow", request) else { return whole(detail.row.id, attempt, form) }
    // `OUTPUT.RECORDS`: how much of each was seen.
    let seen = (request.headers[.lastEventID] ?? "").split(separator: ".").map { Int($0) ?? 0 }
    return try stream(
      context, detail.row.id, attempt, from: max(seen.first ?? 0, 0),
      records: max(seen.dropFirst().first ?? 0, 0), form)
  }

  /// How the output is told.
  struct Form {
    /// With the time before each line.
    var isTimed: Bool
    /// With all that a terminal would act on, as the agent wrote it.
    var isRaw: Bool
  }

  private static func flag(_ name: String, _ request: Request) -> Bool {
    request.text(name).map { $0 != "0" && $0 != "false" } ?? false
  }

  /// What was told in a structured form, in order.
  private func records(_ request: Request, _ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    let attempt = try DelegationRoutes.attempt(of: detail, asked: request)
    var reader = RecordReader(server.output)
    let found = try await reader.rest(detail.row.id, attempt: attempt)
    let lines = found.compactMap(\.record.line).joined(separator: ",")
    let warnings = QueryNames.current?.warnings ?? []
    let told = warnings.isEmpty ? "" : ",\"warnings\":\(Render.list(warnings).canonicalText)"
    return Response(
      status: .ok, headers: [.contentType: "application/json", .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: "{\"items\":[\(lines)]\(told)}")))
  }

  private func whole(_ id: DelegationID, _ attempt: Int, _ form: Form) -> Response {
    let output = server.output
    return Response(
      status: .ok,
      headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
      body: ResponseBody { writer in
        var lines: TimedLines?
        var plain = form.isRaw ? nil : TerminalFilter()
        if form.isTimed {
          var (reader, timed) = (RecordReader(output), TimedLines(isAtLine: true))
          for (record, _) in try await reader.rest(id, attempt: attempt) { timed.take(record) }
          lines = timed
        }
        var offset = 0
        while true {
          let bytes = try await output.read(id, attempt: attempt, from: offset, count: 65_536)
          if bytes.isEmpty { break }
          let now = Timestamp.now.milliseconds
          let shown = lines?.timed(bytes, at: offset, now: now) ?? bytes
          offset += bytes.count
          try await writer.write(ByteBuffer(bytes: plain?.take(shown) ?? shown))
        }
        try await writer.finish(nil)
      })
  }

  /// Server-sent events: `output`, a piece of the output as JSON text; `record`, what was told in a
  /// structured form; then one `end` with the state. An event's id says how much of both was told
  /// until then, so `Last-Event-ID` resumes.
  private func stream(
    _ context: APIContext, _ id: DelegationID, _ attempt: Int, from start: Int,
    records seen: Int, _ form: Form
  ) throws -> Response {
    let server = server
    return try server.eventStream(context) { events, wakes in
      wakes.add(await server.output.follow(id, attempt: attempt))
      wakes.add(server.engine.feed.signals(of: id))
      var told = try await OutputTelling(
        server.output, id, attempt, from: start, records: seen, form)
      while true {
        // The state is read first: what was written before it ended is there to be read after.
        let detail = try await server.store.delegation(.id(id))
        let over =
          detail.map { $0.row.state.isTerminal || $0.row.attempt > Int64(attempt) } ?? true
        let isIdle = try await !told.tell(&events)
        if over {
          let state = detail?.row.state.rawValue ?? ""
          try await events.send(
            id: nil, type: "end", data: .object(["state": .string(state)]))
          return
        }
        if isIdle { try await events.beat() }
        try await wakes.next()
      }
    }
  }
}

/// How much of an attempt's output and records a reader was told.
private struct OutputTelling {
  private let files: OutputFiles
  private let id: DelegationID
  private let attempt: Int
  private var offset: Int
  private var records: RecordReader
  private var recordsTold: Int
  private var text = UTF8Pieces()
  private var lines: TimedLines?
  private var plain: TerminalFilter?

  init(
    _ files: OutputFiles, _ id: DelegationID, _ attempt: Int, from offset: Int, records: Int,
    _ form: OutputRoutes.Form
  ) async throws {
    self.files = files
    self.id = id
    self.attempt = attempt
    self.offset = offset
    recordsTold = records
    plain = form.isRaw ? nil : TerminalFilter()
    // Times are told by records that were seen before, too.
    self.records = RecordReader(files, from: form.isTimed ? 0 : records)
    guard form.isTimed else { return }
    let before =
      offset > 0 ? try await files.read(id, attempt: attempt, from: offset - 1, count: 1) : [0x0a]
    lines = TimedLines(isAtLine: before.first == 0x0a)
  }

  private var place: String { "\(offset - text.pending).\(recordsTold)" }

  /// Tells what has come.
  /// - Returns: false where nothing had.
  mutating func tell(_ events: inout EventWriter) async throws -> Bool {
    var hasTold = false
    while true {
      let fresh = try await records.rest(id, attempt: attempt)
      for (record, _) in fresh { lines?.take(record) }
      let bytes = try await files.read(id, attempt: attempt, from: offset, count: 65_536)
      if bytes.isEmpty, fresh.isEmpty { return hasTold }
      hasTold = true
      let shown = lines?.timed(bytes, at: offset, now: Timestamp.now.milliseconds) ?? bytes
      offset += bytes.count
      let piece = text.add(plain?.take(shown) ?? shown)
      if !piece.isEmpty {
        try await events.send(id: place, type: "output", data: .string(piece))
      }
      for (record, end) in fresh where end > recordsTold {
        recordsTold = end
        guard let line = record.line else { continue }
        try await events.send(id: place, type: "record", line: line)
      }
    }
  }
}

/// Bytes that come in pieces, as text whose characters are whole.
struct UTF8Pieces {
  private var rest: [UInt8] = []

  /// How many bytes wait for the end of their character.
  var pending: Int { rest.count }

  mutating func add(_ bytes: [UInt8]) -> String {
    var all = rest + bytes
    rest = []
    // A character is at most four bytes; only one that has begun and not ended is kept back.
    for back in 1...3 where back <= all.count {
      let byte = all[all.count - back]
      if byte & 0xc0 == 0x80 { continue }
      let length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
      if length > back {
        rest = Array(all.suffix(back))
        all.removeLast(back)
      }
      break
    }
    return String(decoding: all, as: UTF8.self)
  }
}
