// What an agent says, looked through for the signs of its profile: whether it went well, and what
// it used.

import Domain
import Processes
import Synchronization
import Text
import WorkerProtocol
import Workflows

/// Reads both streams of an agent as they come, line by line. Nothing but what was found is kept,
/// and of a line over `lineBytesMax` what signs look at: of a JSON object the members that they
/// name, however long it is, and of a text its head and its tail.
final class SignWatch: Sendable {
  static let lineBytesMax = 256 << 10
  private static let reasonCharactersMax = 300
  private static let wordsBytesMax = 4096

  private struct Stream {
    var lines = LineBuffer(limit: SignWatch.lineBytesMax)
    /// The line that is too long to be held.
    var long: LongLine?
  }

  private struct Found {
    var streams: [OutputChannel: Stream] = [:]
    var success: Set<Int> = []
    /// Failures without a later sign of recovery: the index of the failure's sign, and its text.
    var failures: [(sign: Int, words: String)] = []
    /// The last sign that a provider's limit was met.
    var limit: (end: AgentLimitReport, words: String)?
    /// What the last sign of the agent's words read, and the end of standard output.
    var words: String?
    /// What the agent calls its conversation.
    var session: String?
    var tail = Tail(limit: SignWatch.wordsBytesMax)
    var beginsWithObject: Bool?
    /// Figures that are added up, and those of which the last one counts.
    var sums = AgentUsage()
    var last = AgentUsage()
    /// Totals of the conversation, and those of its earlier rounds.
    var conversation = AgentUsage()
    var before = AgentUsage()

    var used: AgentUsage {
      var used = sums
      used.replace(by: last)
      used.replace(by: conversation.since(before))
      return used
    }
  }

  private let reading: AgentReading
  private let success: [PreparedSign]
  private let failure: [PreparedSign]
  private let usage: [PreparedSign]
  private let words: [PreparedSign]
  private let limit: [PreparedSign]
  private let session: [PreparedSign]
  /// For each sign of `failure`, the signs that the agent recovered from it.
  private let recovery: [[PreparedSign]]
  private let paths: Set<String>
  private let found = Mutex(Found())

  /// - Parameter before: the totals of the conversation that the agent continues.
  init(_ reading: AgentReading, before: AgentUsage = AgentUsage()) {
    self.reading = reading
    success = reading.success.map(PreparedSign.init)
    failure = reading.failure.map(PreparedSign.init)
    usage = reading.usage.map(PreparedSign.init)
    words = (reading.words ?? []).map(PreparedSign.init)
    limit = (reading.limit ?? []).map(PreparedSign.init)
    session = (reading.session ?? []).map(PreparedSign.init)
    recovery = reading.failure.map { ($0.recovery ?? []).map(PreparedSign.init) }
    let signs =
      reading.success + reading.usage + (reading.words ?? []) + (reading.limit ?? [])
      + (reading.session ?? [])
      + reading.failure.flatMap { [$0] + ($0.recovery ?? []) }
    paths = Set(signs.flatMap { Array($0.members.keys) + Array($0.values.values) })
    found.withLock { $0.before = before }
  }

  /// Takes what the agent wrote to one of its streams.
  /// - Returns: what the agent has used so far, if these lines change it.
  @discardableResult
  func take(_ channel: OutputChannel, _ chunk: [UInt8]) -> AgentUsage? {
    if channel == .output, words.isEmpty { keep(chunk) }
    guard reading.looksAtLines else { return nil }
    return found.withLock { found in
      let before = found.used
      // Nobody else holds the bytes meanwhile, so none are copied.
      var stream = found.streams.removeValue(forKey: channel) ?? Stream()
      var long = stream.long
      stream.long = nil
      stream.lines.take(
        chunk,
        long: { piece, isEnd in
          long = long ?? LongLine(paths: paths)
          long?.take(piece)
          guard isEnd, let line = long else { return }
          look(at: Subject(line), of: channel, &found)
          long = nil
        }
      ) { look(at: Subject($0), of: channel, &found) }
      stream.long = long
      found.streams[channel] = stream
      let used = found.used
      return used == before ? nil : used
    }
  }

  private func keep(_ chunk: [UInt8]) {
    found.withLock { found in
      let first = chunk.first { $0 > 0x20 }
      if found.beginsWithObject == nil, let first {
        found.beginsWithObject = first == UInt8(ascii: "{")
      }
      found.tail.append(chunk)
    }
  }

  var used: AgentUsage { found.withLock { $0.used } }
  /// The totals of the conversation, as reported.
  var total: AgentUsage { found.withLock { $0.conversation } }

  /// What the agent calls its conversation; nil if it has not said so, or if that is not a plain
  /// name: it becomes an argument of a command.
  var conversation: String? {
    found.withLock { $0.session }.flatMap { WorkerFiles.isSafe($0) ? $0 : nil }
  }

  /// The agent's last words, without terminal colours; nil if it gave none.
  var lastWords: String? {
    let (words, tail) = found.withLock { found in
      (found.words, found.beginsWithObject == false ? found.tail.bytes : [])
    }
    if let words { return LastWords.text(Array(words.utf8)) }
    return LastWords.text(tail, isNumbered: true)
  }

  /// How it ended, by its exit and by what it said until then.
  func end(_ exit: ProcessResult.Exit) -> AgentEnd {
    let found = found.withLock { found in
      for channel in [OutputChannel.output, .error] {
        guard var stream = found.streams.removeValue(forKey: channel) else { continue }
        if let long = stream.long { look(at: Subject(long), of: channel, &found) }
        if let rest = stream.lines.rest() { look(at: Subject(rest[...]), of: channel, &found) }
      }
      return found
    }
    guard case .exited(let code) = exit else {
      if case .signalled(let signal) = exit { return .signalled(signal) }
      return .stopped
    }
    let end = end(code, found)
    // An agent may speak of limits and do its work.
    guard end != .finished, let limit = found.limit else { return end }
    return .limited("the agent met its provider's limit: \(limit.words)", limit.end)
  }

  /// How it ended, if no limit was met.
  private func end(_ code: Int32, _ found: Found) -> AgentEnd {
    let meaning = reading.codeMeanings[Int(code)].map { ": \($0)" } ?? ""
    if let failure = found.failures.first {
      return .failed("the agent ended with exit code \(code)\(meaning): \(failure.words)")
    }
    guard reading.successCodes.contains(Int(code)) else {
      return meaning.isEmpty
        ? .exited(code) : .failed("the agent ended with exit code \(code)\(meaning)")
    }
    let missing = reading.success.indices.filter { !found.success.contains($0) }
    guard let first = missing.first else { return .finished }
    return .failed(
      """
      the agent ended with exit code \(code), but did not say \
      \(reading.success[first].displayText), by which it tells that it has done its work
      """)
  }

  private func look(at subject: Subject, of channel: OutputChannel, _ found: inout Found) {
    var subject = subject
    for (index, sign) in success.enumerated() where !found.success.contains(index) {
      if sign.match(&subject, channel) != nil { found.success.insert(index) }
    }
    found.failures.removeAll { failure in
      recovery[failure.sign].contains { $0.match(&subject, channel) != nil }
    }
    for (index, sign) in failure.enumerated()
    where !found.failures.contains(where: { $0.sign == index }) {
      guard let hit = sign.match(&subject, channel) else { continue }
      found.failures.append((index, Self.brief(hit.reason ?? subject.text)))
    }
    if let hit = limit.lazy.compactMap({ $0.match(&subject, channel) }).first {
      found.limit = (AgentLimitReport(hit.figures), Self.brief(subject.text))
    }
    for sign in words {
      guard let said = sign.match(&subject, channel)?.words else { continue }
      found.words = String(decoding: said.utf8.suffix(Self.wordsBytesMax), as: UTF8.self)
    }
    for sign in session {
      found.session = sign.match(&subject, channel)?.session ?? found.session
    }
    for sign in usage {
      guard let hit = sign.match(&subject, channel) else { continue }
      for (name, value) in hit.figures {
        guard let figure = UsageFigure(rawValue: name) else { continue }
        if sign.sign.adds {
          found.sums.add(figure, reported: value)
        } else if sign.sign.ofConversation == true {
          found.conversation.set(figure, reported: value)
        } else {
          found.last.set(figure, reported: value)
        }
      }
    }
  }

  private static func brief(_ text: String) -> String {
    let clean = text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : $0 }
    var view = String.UnicodeScalarView()
    view.append(contentsOf: clean)
    return String(String(view).prefix(reasonCharactersMax))
  }
}

/// A sign with its pattern, prepared for the search.
private struct PreparedSign {
  let sign: OutputSign
  private let pattern: LinePattern?
  /// A line without these is not parsed.
  private let needed: [[UInt8]]

  struct Hit {
    var figures: [String: Double] = [:]
    var reason: String?
    var words: String?
    var session: String?
  }

  init(_ sign: OutputSign) {
    self.sign = sign
    pattern = sign.text.flatMap(LinePattern.init)
    needed = sign.members.values.map { Array($0.utf8) }.filter { !$0.isEmpty }
  }

  func match(_ subject: inout Subject, _ channel: OutputChannel) -> Hit? {
    switch (sign.stream, channel) {
    case (.output, .error), (.error, .output): return nil
    case (.output, .output), (.error, .error), (.either, _): break
    }
    var hit = Hit()
    if sign.text != nil {
      guard let pattern, let figures = subject.match(pattern) else { return nil }
      hit.figures = figures
      if sign.members.isEmpty { return hit }
    }
    guard subject.isLong || (subject.looksLikeAnObject && needed.allSatisfy(subject.contains)),
      let json = subject.json(),
      sign.members.allSatisfy({ json.at(path: $0.key)?.scalarText == $0.value })
    else { return nil }
    for (name, path) in sign.values {
      guard let value = json.at(path: path) else { continue }
      if let figure = value.doubleValue { hit.figures[name] = figure }
      if name == "reason" { hit.reason = value.scalarText }
      if name == "words" { hit.words = value.stringValue }
      if name == "session-id" { hit.session = value.stringValue }
    }
    return hit
  }
}

extension AgentLimitReport {
  /// - Parameter figures: what a sign has read, by the names of `LimitEnd`.
  fileprivate init(_ figures: [String: Double]) {
    self.init()
    var span: Double?
    for (name, value) in figures where value.isFinite && (0...1e11).contains(value) {
      switch LimitEnd(rawValue: name) {
      case nil: break
      case .at: resetAtMs = Int64(value * 1000)
      case .days, .hours, .minutes, .seconds:
        span = (span ?? 0) + value * (LimitEnd(rawValue: name)?.seconds ?? 0)
      }
    }
    resetInMs = span.map { Int64(min($0, 1e9) * 1000) }
  }
}
