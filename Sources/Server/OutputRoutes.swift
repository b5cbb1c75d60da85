import Domain
import Engine
import EventLog
import HTTPTypes
import Hummingbird
import NIOCore
import Projections
import SystemCalls
import Text

/// An agent's text, and its structured messages on plan, tools and usage, live and afterwards.
struct OutputRoutes {
  let server: ServerContext

  func add(to router: APIRouter) {
    router.on(.getOutput) { request, context in
      try await output(request, context)
    }
    OutputSearchRoute(server: server).add(to: router)
    router.on(.listRecords) { request, context in
      try await records(request, context)
    }
  }

  private func output(_ request: Request, _ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    let attempt = try DelegationRoutes.attempt(of: detail, asked: request)
    let form = Form(
      isTimed: request.flag("timestamps"), isRaw: request.flag("raw"))
    guard request.flag("follow") else {
      var form = form
      form.first = request.integer("line").map { Int($0) }
      form.count = Int(request.integer("lines") ?? Int64(Form.countMax))
      // Only an agent at work can have written now what has no time yet.
      form.isLive = !detail.row.state.isTerminal && detail.row.attempt == Int64(attempt)
      return whole(detail.row.id, attempt, form, context)
    }
    // `OUTPUT.RECORDS`: the offsets up to which the client has received each.
    let seen = (request.headers[.lastEventID] ?? "").split(separator: ".").map { Int($0) ?? 0 }
    return try stream(
      context, detail.row.id, attempt, from: max(seen.first ?? 0, 0),
      records: max(seen.dropFirst().first ?? 0, 0), form)
  }

  /// The format of the output.
  struct Form {
    /// With the time at the beginning of each line.
    var isTimed: Bool
    /// Unfiltered, with the agent's terminal sequences.
    var isRaw: Bool
    /// The first line, from 1; nil: all lines.
    var first: Int?
    /// How many lines, if there is a first one.
    var count = countMax
    var isLive = true

    static let countMax = 2000
  }

  /// The structured messages in order.
  private func records(_ request: Request, _ context: APIContext) async throws -> Response {
    let detail = try await server.delegation(context)
    let attempt = try DelegationRoutes.attempt(of: detail, asked: request)
    var reader = RecordReader(server.output)
    let found = try await reader.rest(detail.row.id, attempt: attempt)
    let lines = found.compactMap(\.record.line).joined(separator: ",")
    let warnings = QueryNames.current?.warnings ?? []
    let member = warnings.isEmpty ? "" : ",\"warnings\":\(Render.list(warnings).canonicalText)"
    return Response(
      status: .ok, headers: [.contentType: "application/json", .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: "{\"items\":[\(lines)]\(member)}")))
  }

  private func whole(
    _ id: DelegationID, _ attempt: Int, _ form: Form, _ context: APIContext
  ) -> Response {
    let (output, access, principal) = (server.output, server.access, context.principal)
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
        var part = form.first.map { LineRange(first: $0, count: form.count) }
        while part?.isOver != true {
          let all = try await output.read(id, attempt: attempt, from: offset, count: 65_536)
          if all.isEmpty { break }
          try access.requireAccepted(principal)
          let now = form.isLive ? Timestamp.now.milliseconds : nil
          let (bytes, skipped) = part?.take(all) ?? (all[...], 0)
          let shown =
            lines?.timed(Array(bytes), at: offset + skipped, now: now) ?? Array(bytes)
          offset += all.count
          try await writer.write(ByteBuffer(bytes: plain?.take(shown) ?? shown))
        }
        try await writer.finish(nil)
      })
  }

  /// Server-sent events: `output`, a piece of the output as JSON text; `record`, a structured
  /// message; then one `end` with the state. An event's id contains the offsets after it in both
  /// files, so `Last-Event-ID` resumes.
  private func stream(
    _ context: APIContext, _ id: DelegationID, _ attempt: Int, from start: Int,
    records seen: Int, _ form: Form
  ) throws -> Response {
    let server = server
    return try server.eventStream(context) { events, wakes in
      wakes.add(await server.output.follow(id, attempt: attempt))
      wakes.add(server.engine.feed.signals(of: id))
      var sender = try await OutputSender(
        server.output, id, attempt, from: start, records: seen, form)
      while true {
        // The state is read first, so everything written before the end is still sent.
        let detail = try await server.store.delegation(.id(id))
        let over =
          detail.map { $0.row.state.isTerminal || $0.row.attempt > Int64(attempt) } ?? true
        sender.isLive = !over
        let isIdle = try await !sender.sendNew(&events)
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

/// Sends an attempt's output and records to one reader.
private struct OutputSender {
  private let files: OutputFiles
  private let id: DelegationID
  private let attempt: Int
  /// Whether more can come: only then is what has no time yet of now.
  var isLive = true
  private var offset: Int
  private var records: RecordReader
  private var recordsSent: Int
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
    recordsSent = records
    plain = form.isRaw ? nil : TerminalFilter()
    // Times come from all records, including those that the reader has received.
    self.records = RecordReader(files, from: form.isTimed ? 0 : records)
    guard form.isTimed else { return }
    let before =
      offset > 0 ? try await files.read(id, attempt: attempt, from: offset - 1, count: 1) : [0x0a]
    lines = TimedLines(isAtLine: before.first == 0x0a)
  }

  private var eventID: String { "\(offset - text.pending).\(recordsSent)" }

  /// Sends everything new.
  /// - Returns: false if nothing was new.
  mutating func sendNew(_ events: inout EventWriter) async throws -> Bool {
    var hasSent = false
    while true {
      let bytes = try await files.read(id, attempt: attempt, from: offset, count: 65_536)
      // Read after them, so that no time of theirs is missed.
      let fresh = try await records.rest(id, attempt: attempt)
      for (record, _) in fresh { lines?.take(record) }
      if bytes.isEmpty, fresh.isEmpty { return hasSent }
      hasSent = true
      let now = isLive ? Timestamp.now.milliseconds : nil
      let shown = lines?.timed(bytes, at: offset, now: now) ?? bytes
      offset += bytes.count
      let piece = text.add(plain?.take(shown) ?? shown)
      if !piece.isEmpty {
        try await events.send(id: eventID, type: "output", data: .string(piece))
      }
      for (record, end) in fresh where end > recordsSent {
        recordsSent = end
        guard let line = record.line else { continue }
        try await events.send(id: eventID, type: "record", line: line)
      }
    }
  }
}

/// Decodes bytes that arrive in pieces as text with whole characters.
struct UTF8Pieces {
  private var rest: [UInt8] = []

  /// The number of bytes that wait for the rest of their character.
  var pending: Int { rest.count }

  mutating func add(_ bytes: [UInt8]) -> String {
    var all = rest + bytes
    rest = []
    // A character has at most four bytes. Only an incomplete one is held back.
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
