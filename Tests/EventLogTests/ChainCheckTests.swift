import Domain
import EventLog
import LogStories
import Testing

/// Whatever is done to a log that was written, the check says where.
struct ChainCheckTests {
  private let log: [StoredEvent]

  init() throws { log = try Sealed.stored(Sealed.goodDay) }

  /// The first fault of a log; nil if the log is valid.
  private func fault(of log: [StoredEvent], after head: LogHead = .empty) -> String? {
    var check = ChainCheck(after: head)
    for event in log {
      if let fault = check.take(event) { return fault }
    }
    return nil
  }

  @Test func aLogThatIsWhole() {
    #expect(log.count == 9)
    #expect(fault(of: log) == nil)
    let head = LogHead(position: 4, hash: log[3].hash)
    #expect(fault(of: Array(log[4...]), after: head) == nil)
  }

  /// Each value that is hashed, changed in each event that has it.
  @Test func changedValues() {
    let changes: [(String, (inout StoredEvent) -> Void)] = [
      ("id", { $0.id[15] ^= 1 }),
      ("stream", { $0.stream = .init("delegation-" + Story.id(2).rawValue) }),
      ("version", { $0.version += 1 }),
      ("type", { $0.type = $0.type == 2 ? 3 : 2 }),
      ("schema", { $0.schema += 1 }),
      ("time", { $0.time = $0.time + Milliseconds(1) }),
      ("actor kind", { $0.actorKind = "system" }),
      ("actor", { $0.actor = "mallory" }),
      ("correlation", { $0.correlation = "c" }),
      ("causation", { $0.causation = $0.id }),
      ("facts", { $0.facts.put(.pr, ($0.facts.integer(.pr) ?? 0) + 1) }),
      ("facts", { $0.facts.put(.sha, ($0.facts.text(.sha) ?? "") + "0") }),
      ("facts", { $0.facts.put(.adopted, !($0.facts.flag(.adopted) ?? false)) }),
      ("detail", { $0.detail = "{\"n\":1}" }),
      ("payload hash", { $0.payloadHash[0] ^= 1 }),
      ("hash", { $0.hash[31] ^= 1 }),
    ]
    for (name, change) in changes {
      for index in log.indices {
        var corrupt = log
        change(&corrupt[index])
        let found = fault(of: corrupt)
        #expect(found?.contains("event \(index + 1) ") == true, "\(name) of \(index + 1)")
      }
    }
  }

  @Test func changedText() {
    for index in log.indices where !log[index].body.isEmpty {
      for change in [0, 1] {
        var corrupt = log
        if change == 0 { corrupt[index].body[3] ^= 1 } else { corrupt[index].salt[3] ^= 1 }
        #expect(fault(of: corrupt)?.contains("the text of event \(index + 1) was changed") == true)
      }
    }
    #expect(log.filter { !$0.body.isEmpty }.count == 2)
  }

  @Test func takenOutPutInAndMovedEvents() {
    for index in log.indices.dropLast() {
      var shorter = log
      shorter.remove(at: index)
      #expect(fault(of: shorter)?.contains("after position \(index) comes \(index + 2)") == true)
      var twice = log
      twice.insert(log[index], at: index)
      #expect(fault(of: twice) != nil)
      var swapped = log
      swapped.swapAt(index, index + 1)
      #expect(fault(of: swapped) != nil)
      // With the positions made to fit it is the values that don't.
      swapped[index].position = Int64(index + 1)
      swapped[index + 1].position = Int64(index + 2)
      #expect(fault(of: swapped)?.contains("event \(index + 1) ") == true)
    }
  }

  @Test func timeThatFalls() {
    var corrupt = log
    corrupt[4].time = Timestamp(milliseconds: corrupt[3].time.milliseconds - 1)
    #expect(fault(of: corrupt) == "event 5 is older than the one before it")
  }

  /// A rewritten event with matching hashes is detected by the next event, and by the head.
  @Test func aForgedEvent() throws {
    var events = Story.goodDay(1).map { Event.delegation($0) }
    events[4] = .delegation(
      .pullRequestCreated(PullRequestCreated(number: 7, url: "u", adopted: false)))
    let forged = try Sealed.stored(Sealed.log(events))
    #expect(fault(of: forged) == nil)
    #expect(forged.last?.hash != log.last?.hash)
    #expect(fault(of: log[..<4] + [forged[4]] + log[5...]) != nil)
  }

  @Test func textThatWasTakenAwayIsNoFault() {
    var redacted = log
    redacted[0].salt = []
    redacted[0].body = []
    #expect(fault(of: redacted) == nil)
    #expect(redacted[0].recomputedPayloadHash == nil)
  }

  /// Any content of a corrupt file gives a fault, never a crash.
  @Test func valuesBeyondMeasure() {
    for extreme in [Int64.min, -1, 0, 1 << 53, Int64.max] {
      let changes: [(inout StoredEvent) -> Void] = [
        { $0.time = Timestamp(milliseconds: extreme) }, { $0.type = extreme },
        { $0.schema = extreme == 1 ? 0 : extreme }, { $0.version = extreme },
        { $0.facts.put(.token, extreme) }, { $0.facts.put(.retryAt, extreme) },
        { $0.facts.put(.stamp, extreme) }, { $0.facts.put(.pr, extreme) },
      ]
      for change in changes {
        for index in log.indices {
          var corrupt = log
          change(&corrupt[index])
          #expect(fault(of: corrupt) != nil)
        }
      }
    }
    var corrupt = log
    corrupt[2].id = []
    #expect(fault(of: corrupt) != nil)
    corrupt = log
    corrupt[2].id.append(0)
    #expect(fault(of: corrupt) != nil)
    corrupt = log
    corrupt[2].detail = "[1"
    #expect(fault(of: corrupt)?.contains("cannot be read") == true)
    corrupt = log
    corrupt[2].actorKind = "ghost"
    #expect(fault(of: corrupt)?.contains("ghost") == true)
  }

  /// After a fault the check goes on: one change is one fault, not one for each event that follows.
  @Test func oneChangeIsOneFault() {
    var corrupt = log
    corrupt[3].actor = "mallory"
    var check = ChainCheck()
    #expect(corrupt.compactMap { check.take($0) }.count == 1)
  }
}
