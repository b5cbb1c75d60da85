// What an agent says, looked through for the signs of its profile: whether it went well, and what
// it used.

import Processes
import Synchronization
import Workflows

/// Reads both streams of an agent as they come, line by line. A line over `lineBytesMax` is not
/// looked at. Nothing but what was found is kept.
final class SignWatch: Sendable {
  static let lineBytesMax = 256 << 10
  private static let reasonCharactersMax = 300

  private struct Found {
    var output = LineBuffer(limit: SignWatch.lineBytesMax)
    var error = LineBuffer(limit: SignWatch.lineBytesMax)
    var success: Set<Int> = []
    /// The first failure, in words.
    var failure: String?
    /// By the sign that told it.
    var usage: [Int: AgentUsage] = [:]
  }

  private let reading: AgentReading
  private let success: [Sought]
  private let failure: [Sought]
  private let usage: [Sought]
  private let found = Mutex(Found())

  init(_ reading: AgentReading) {
    self.reading = reading
    success = reading.success.map(Sought.init)
    failure = reading.failure.map(Sought.init)
    usage = reading.usage.map(Sought.init)
  }

  /// Takes what the agent wrote to one of its streams.
  func take(_ channel: OutputChannel, _ chunk: [UInt8]) {
    guard reading.looksAtLines else { return }
    found.withLock { found in
      var lines = channel == .output ? found.output : found.error
      lines.take(chunk) { look(at: $0, of: channel, &found) }
      if channel == .output { found.output = lines } else { found.error = lines }
    }
  }

  /// What the agent told of what it used.
  var used: AgentUsage {
    found.withLock { found in
      found.usage.sorted { $0.key < $1.key }.reduce(into: AgentUsage()) { $0.take($1.value) }
    }
  }

  /// How it ended, by its exit and by what it said until then.
  func end(_ exit: ProcessResult.Exit) -> AgentEnd {
    let found = found.withLock { found in
      for channel in [OutputChannel.output, .error] {
        let rest = channel == .output ? found.output.rest() : found.error.rest()
        if let rest { look(at: rest[...], of: channel, &found) }
      }
      return found
    }
    guard case .exited(let code) = exit else {
      if case .signalled(let signal) = exit { return .signalled(signal) }
      return .stopped
    }
    let meaning = reading.codeMeanings[Int(code)].map { ": \($0)" } ?? ""
    if let failure = found.failure {
      return .failed("the agent ended with exit code \(code)\(meaning): \(failure)")
    }
    guard reading.successCodes.contains(Int(code)) else {
      return meaning.isEmpty
        ? .exited(code) : .failed("the agent ended with exit code \(code)\(meaning)")
    }
    let missing = reading.success.indices.filter { !found.success.contains($0) }
    guard let first = missing.first else { return .finished }
    return .failed(
      """
      the agent ended with exit code \(code), but did not say \(reading.success[first].words), \
      by which it tells that it has done its work
      """)
  }

  private func look(at line: ArraySlice<UInt8>, of channel: OutputChannel, _ found: inout Found) {
    var subject = Subject(line)
    for (index, sign) in success.enumerated() where !found.success.contains(index) {
      if sign.match(&subject, channel) != nil { found.success.insert(index) }
    }
    for sign in failure where found.failure == nil {
      guard let hit = sign.match(&subject, channel) else { continue }
      found.failure = Self.brief(hit.reason ?? subject.text)
    }
    for (index, sign) in usage.enumerated() {
      guard let hit = sign.match(&subject, channel) else { continue }
      var usage = found.usage[index] ?? AgentUsage()
      for (name, value) in hit.figures {
        guard let figure = UsageFigure(rawValue: name) else { continue }
        if sign.sign.adds { usage.add(figure, value) } else { usage.set(figure, value) }
      }
      found.usage[index] = usage
    }
  }

  private static func brief(_ text: String) -> String {
    let clean = text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? " " : $0 }
    var view = String.UnicodeScalarView()
    view.append(contentsOf: clean)
    return String(String(view).prefix(reasonCharactersMax))
  }
}

/// A line, in the forms that signs look at, each made once and only where it is needed.
private struct Subject {
  let raw: ArraySlice<UInt8>
  private var plain: [UInt8]?
  private var parsed: AnyJSON??

  init(_ line: ArraySlice<UInt8>) {
    raw = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
  }

  /// Without what a terminal would take for colours and the like (ECMA-48, 5.4).
  mutating func withoutColours() -> [UInt8] {
    if let plain { return plain }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(raw.count)
    var rest = raw
    while let byte = rest.popFirst() {
      guard byte == 0x1b else {
        bytes.append(byte)
        continue
      }
      guard rest.first == UInt8(ascii: "[") else { continue }
      rest.removeFirst()
      while let part = rest.popFirst(), !(0x40...0x7e).contains(part) {}
    }
    plain = bytes
    return bytes
  }

  mutating func json() -> AnyJSON? {
    if let parsed { return parsed }
    let value = AnyJSON(parsing: raw)
    parsed = .some(value)
    return value
  }

  var text: String { String(decoding: raw, as: UTF8.self) }

  var looksLikeAnObject: Bool {
    raw.first { $0 != 0x20 && $0 != 0x09 } == UInt8(ascii: "{")
  }

  func contains(_ bytes: [UInt8]) -> Bool {
    raw.withUnsafeBytes { ByteSearch.place(of: bytes, in: $0) != nil }
  }
}

/// A sign, made ready to be looked for.
private struct Sought {
  let sign: OutputSign
  private let pattern: LinePattern?
  /// A line without these is not worth the parsing.
  private let needed: [[UInt8]]

  struct Hit {
    var figures: [String: Double] = [:]
    var reason: String?
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
    if sign.text != nil {
      guard let pattern else { return nil }
      return pattern.match(subject.withoutColours()).map { Hit(figures: $0) }
    }
    guard subject.looksLikeAnObject, needed.allSatisfy(subject.contains),
      let json = subject.json(),
      sign.members.allSatisfy({ json.at(path: $0.key)?.scalarText == $0.value })
    else { return nil }
    var hit = Hit()
    for (name, path) in sign.values {
      guard let value = json.at(path: path) else { continue }
      if let figure = value.double { hit.figures[name] = figure }
      if name == "reason" { hit.reason = value.scalarText }
    }
    return hit
  }
}
