import ArgumentParser
import Domain
import EventLog
import FoundationEssentials
import SystemCalls
import Terminal
import Text

/// Follows one delegation to its end: a picture that is redrawn on a terminal, else plain lines.
actor Watching {
  private static let redrawInterval = Duration.milliseconds(200)

  /// The output format.
  enum Display { case picture, lines, nothing }

  private let api: ServerAPI
  private let reference: String
  private let display: Display
  private var timeline = Timeline()
  private var drawnLines = 0
  private var isConnected = true
  private var position: Int64 = 0

  init(_ api: ServerAPI, reference: String, display: Display? = nil) {
    self.api = api
    self.reference = reference
    self.display = display ?? (Terminal.isInteractive ? .picture : .lines)
  }

  /// - Returns: true if it ended as `Pushed`.
  /// - Throws: `Failure` if the delegation does not exist, or the server was unreachable for long.
  func run() async throws -> Bool {
    let path = try ServerAPI.path("/api/delegations", reference, "/events")
    let items = try await api.get(path)["items"].arrayValue ?? []
    var stream = ""
    for item in items {
      stream = item["stream"].stringValue ?? ""
      try take(item)
    }
    if !timeline.isOver { try await follow(stream) }
    draw(isLast: true)
    guard let ending = timeline.ending else { return false }
    if case .pushed = timeline.state {
      if display != .nothing { Terminal.say(Style.green.on(ending)) }
      return true
    }
    Terminal.complain(ending)
    return false
  }

  private func follow(_ stream: String) async throws {
    let redraw = Task { [weak self] in
      while !Task.isCancelled {
        await self?.draw(isLast: false)
        try? await Task.sleep(for: Self.redrawInterval)
      }
    }
    defer { redraw.cancel() }
    let follower = ServerEventFollower(
      api: api, path: "/api/events/stream", query: [("after", String(position))],
      onLink: { self.link($0) })
    try await follower.run { event in try self.take(event, of: stream) }
  }

  /// - Returns: whether more events follow.
  private func take(_ event: ServerEvent, of stream: String) throws -> Bool {
    guard let item = try? JSONValue(json: Array(event.data.utf8)),
      item["stream"].stringValue == stream
    else { return true }
    try take(item)
    return !timeline.isOver
  }

  private func take(_ item: JSONValue) throws {
    let recorded: RecordedEvent
    do {
      recorded = try StoredEvent(exported: item.canonical).recorded()
    } catch {
      throw Failure("the server sent an event that this program does not know: \(error)")
    }
    guard recorded.position > position else { return }
    position = recorded.position
    let line = try timeline.take(recorded)
    if display == .lines, let line { Terminal.say(line) }
  }

  private func link(_ isConnected: Bool) {
    guard self.isConnected != isConnected else { return }
    self.isConnected = isConnected
    if display == .lines {
      Terminal.complain(isConnected ? "connected again" : "connection lost, trying again")
    }
  }

  private func draw(isLast: Bool) {
    guard display == .picture else { return }
    let now = Timestamp.now
    var lines = timeline.lines(now: now, width: Terminal.width, hasColour: Terminal.hasColour)
    if !isConnected, !isLast { lines.append(Style.yellow.on("  connection lost, trying again")) }
    let up = drawnLines > 0 ? "\u{1b}[\(drawnLines)A\u{1b}[J" : ""
    Terminal.put(up + lines.map { $0 + "\n" }.joined())
    drawnLines = lines.count
  }
}

extension Watching {
  /// Follows what was just requested, for `--wait`. With `--json` it prints only the delegation as
  /// it ended.
  /// - Throws: `ExitCode` if it did not end as `Pushed`; `Failure` as `run`.
  static func toTheEnd(of code: String, _ api: ServerAPI, _ output: SelectionOptions) async throws {
    let watching = Watching(api, reference: code, display: output.isJSON ? .nothing : nil)
    let isPushed = try await watching.run()
    if output.isJSON {
      try await output.print(try await api.get(ServerAPI.path("/api/delegations", code)))
    }
    if !isPushed { throw ExitCode(Failure.Code.failed.rawValue) }
  }
}
