import Cryptography
import Domain
import EventLog
import Foundation
import LogStories
import Randomness
import Testing
import Text

/// One delegation's evidence can be checked without the rest of the log: by this package, and by a
/// Python program that was written from the guide's page HashFormat.md alone.
struct BundleTests {
  /// A log of several delegations in which two events of the second one are redacted.
  private struct Log {
    var events: [RecordedEvent]
    let id = Story.id(1)

    init(redacting: Bool = true) throws {
      var random = RandomLog(seed: 11, delegations: 4)
      var sealer = EventSealer(last: nil, random: Seeded(3))
      var events: [RecordedEvent] = []
      func put(_ append: Append, at now: Timestamp) throws {
        events += try sealer.record(append, at: now)
      }
      for _ in 0..<120 { try put(random.next(), at: random.now) }
      let own = events.filter { $0.stream == .delegation(Story.id(1)) && !$0.salt.isEmpty }
      for (index, event) in own.prefix(redacting ? 2 : 0).enumerated() {
        let words = SystemEvent.redacted(position: event.position, reason: "a password")
        try put(Story.append([words], after: Int64(index)), at: random.now)
        events[Int(event.position) - 1] = try event.withoutText()
      }
      self.events = events
    }

    func bundle() -> [String] {
      let own = events.filter { $0.stream == .delegation(id) }
      let first = own[0].position
      let before =
        first == 1
        ? LogHead.empty
        : LogHead(position: first - 1, hash: events[Int(first) - 2].hash)
      let last = events[events.count - 1]
      let header = BundleHeader(
        delegation: id, before: before, head: LogHead(position: last.position, hash: last.hash),
        redacted: own.filter(\.isRedacted).map(\.position),
        workflow: ("w", "2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49699a4f1df", "ok"))
      var writer = BundleWriter(delegation: id, positions: own.map(\.position))
      var text = header.json.canonicalText + "\n"
      for event in events[(Int(first) - 1)...] { text += writer.take(StoredEvent(event)) }
      return (text + writer.flush()).split(separator: "\n").map(String.init)
    }
  }

  private func faults(_ lines: [String]) -> [String] {
    var check = BundleCheck()
    for line in lines { check.take(Array(line.utf8)) }
    check.finish()
    return check.faults
  }

  @Test func whatIsWholeIsFoundWhole() async throws {
    for redacting in [false, true] {
      let log = try Log(redacting: redacting)
      let lines = log.bundle()
      #expect(faults(lines).isEmpty)
      let python = try await Python.check(lines)
      let last = try #require(log.events.last)
      let own = log.events.filter { $0.stream == .delegation(log.id) }
      #expect(
        python.output
          == "\(own.count) events, head \(last.position) \(Hex.encode(last.hash))\n")
      #expect(python.code == 0)
    }
  }

  @Test func nothingOfOthersIsDisclosed() throws {
    let log = try Log()
    let text = log.bundle().joined()
    for event in log.events {
      let isOwn = event.stream == .delegation(log.id) || event.event.name == "system.redacted"
      #expect(text.contains(event.id) == isOwn || text.contains("\"causation\":\"\(event.id)\""))
    }
    #expect(!text.contains(Story.id(2).rawValue))
  }

  enum Change: CaseIterable {
    case word, fact, hash, salt, leaf, lineGone, leafGone, swapped, headPosition, headHash, before
    case redactedHidden, redactionGone, textTaken, otherStream, workflow, tailCut, noise
  }

  @Test(arguments: Change.allCases)
  func whatWasChangedIsFound(change: Change) async throws {
    let lines = try #require(try apply(change, to: try Log().bundle()))
    #expect(!faults(lines).isEmpty)
    #expect(try await Python.check(lines).code != 0)
  }

  private func apply(_ change: Change, to lines: [String]) throws -> [String]? {
    var lines = lines
    func first(_ fits: (String) -> Bool) -> Int? {
      lines.indices.dropFirst().first { fits(lines[$0]) }
    }
    func replace(_ old: String, _ new: String, in index: Int?) -> [String]? {
      guard let index, lines[index].contains(old) else { return nil }
      lines[index] = lines[index].replacingOccurrences(of: old, with: new)
      return lines
    }
    func flip(_ name: String, in index: Int?) -> [String]? {
      guard let index, let range = lines[index].range(of: "\"\(name)\":\"") else { return nil }
      let at = range.upperBound
      lines[index].replaceSubrange(at...at, with: lines[index][at] == "0" ? "1" : "0")
      return lines
    }
    let withText = first { $0.contains("\"text\":{") }
    let leaves = first { $0.hasPrefix("{\"leaves\":[") && $0.contains("\",\"") }
    switch change {
    case .word: return replace("\"text\":{\"", "\"text\":{\"x", in: withText)
    case .fact: return replace("\"main\"", "\"evil\"", in: first { $0.contains("\"main\"") })
    case .hash: return flip("hash", in: withText)
    case .salt: return flip("salt", in: withText)
    case .leaf:
      return replace("{\"leaves\":[\"", "{\"leaves\":[\"00", in: leaves).map { lines in
        var lines = lines
        guard let leaves else { return lines }
        let digits = lines[leaves].index(lines[leaves].startIndex, offsetBy: 12 + 64)
        let end = lines[leaves].index(digits, offsetBy: 2)
        lines[leaves].removeSubrange(digits..<end)
        return lines
      }
    case .lineGone: lines.remove(at: 2)
    case .leafGone:
      guard let leaves, let comma = lines[leaves].range(of: "\",\"") else { return nil }
      lines[leaves].replaceSubrange(
        lines[leaves].index(lines[leaves].startIndex, offsetBy: 11)..<comma.upperBound, with: "\"")
    case .swapped: lines.swapAt(1, 2)
    case .headPosition:
      return replace("\"position\":", "\"position\":1", in: 0)
    case .before: return flip("hash", in: 0)
    case .headHash:
      guard let head = lines[0].range(of: "\"head\":{\"hash\":\"")?.upperBound else { return nil }
      lines[0].replaceSubrange(head...head, with: lines[0][head] == "0" ? "1" : "0")
    case .redactedHidden:
      let list = lines[0].firstMatch(of: /"redacted":\[[^\]]*\]/)
      return replace(list.map { String($0.output) } ?? "?", "\"redacted\":[]", in: 0)
    case .redactionGone:
      guard let index = first({ $0.contains("system.redacted") }) else { return nil }
      lines.remove(at: index)
    case .textTaken:
      guard let withText, let text = lines[withText].firstMatch(of: /,"text":\{.*?\}/),
        let salt = lines[withText].firstMatch(of: /"salt":"[0-9a-f]*"/)
      else { return nil }
      let plain = lines[withText].replacingOccurrences(of: String(text.output), with: "")
      lines[withText] = plain.replacingOccurrences(of: String(salt.output), with: "\"salt\":\"\"")
    case .otherStream:
      let own = "\"stream\":\"delegation-\(Story.id(1))\""
      return replace(
        own, "\"stream\":\"delegation-\(Story.id(2))\"", in: first { $0.contains(own) })
    case .workflow: return replace("\"source\":\"ok\"", "\"source\":\"no\"", in: 0)
    case .tailCut: lines.removeLast()
    case .noise: lines[2] = "nonsense"
    }
    return lines
  }
}

/// Runs `Tests/Evidence/check_bundle.py`.
private enum Python {
  static func check(_ lines: [String]) async throws -> (code: Int32, output: String) {
    let file = NSTemporaryDirectory() + "aipm-bundle-\(UUID().uuidString).jsonl"
    try (lines.joined(separator: "\n") + "\n").write(
      toFile: file, atomically: false, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    return try await withCheckedThrowingContinuation { caller in
      DispatchQueue.global().async { caller.resume(with: Result { try run(file) }) }
    }
  }

  private static func run(_ file: String) throws -> (code: Int32, output: String) {
    let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Evidence/check_bundle.py")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", program.path, file]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }
}
