import Domain
import EventLog

extension Projector {
  /// Folds an event in; an unreadable event quarantines its stream.
  /// - Parameters:
  ///   - lean: the event. It is not changed; `inout` avoids a copy.
  ///   - slot: the delegation's slot; nil if it is not known.
  fileprivate mutating func absorb(_ lean: inout LeanEvent, _ slot: inout Int?) {
    // An event of an invalid stream belongs to no row; the chain's check names it.
    guard case .known(let stream) = lean.stream else { return }
    switch lean.event {
    case .success(let event):
      let known = absorb(
        event, stream: stream, version: lean.version, position: lean.position, time: lean.time,
        known: slot)
      if slot == nil { slot = known }
    case .failure(let fault): _ = quarantine(stream, CorruptStream(fault))
    }
  }

  /// The same.
  /// - Returns: the rows that changed.
  package mutating func fold(_ lean: LeanEvent) -> [RowChange] {
    guard case .known(let stream) = lean.stream else { return [] }
    switch lean.event {
    case .success(let event):
      return apply(
        event, stream: stream, version: lean.version, position: lean.position, time: lean.time)
    case .failure(let fault): return quarantine(stream, CorruptStream(fault))
    }
  }

  /// Folds a stored event in.
  /// - Returns: the rows that changed.
  package mutating func fold(_ stored: StoredEvent) -> [RowChange] { fold(LeanEvent(stored)) }
}

extension CorruptStream {
  init(_ fault: CodecFault) {
    self.init(event: fault.type, state: "unknown", reason: fault.reason)
  }
}

/// Everything about a log that can be checked event by event.
package struct LogCheck: Sendable {
  /// The most faults that are kept: if the whole log is corrupt, more are no help.
  package static let faultsMax = 100

  /// The faults, in the order of the log.
  package private(set) var faults: [String] = []
  fileprivate var chain = ChainCheck()
  private var versions = StreamTable<Int64>(missing: 0)
  private var textless: Set<Int64> = []

  package init() {}

  /// Checks the next event.
  fileprivate mutating func take(_ stored: StoredEvent, as lean: LeanEvent) {
    var lean = lean
    take(&lean, chain.examine(stored))
  }

  /// Checks the next event, whose hashes were checked elsewhere.
  /// - Parameter event: it is not changed; `inout` avoids a copy.
  fileprivate mutating func take(_ event: inout LeanEvent, _ finding: ChainCheck.Finding) {
    if let fault = finding.fault { note(fault) }
    let last = versions.exchange(event.version, at: event.stream, event.number)
    if event.version != last + 1 {
      note(
        "event \(event.position) has version \(event.version) of \(event.stream.text), whose "
          + "next is \(last + 1)")
    }
    if finding.isTextless { textless.insert(event.position) }
    if case .success(.system(.redacted(let position, _))) = event.event {
      textless.remove(position)
    }
  }

  /// The events whose text is missing without an earlier event that records the redaction, in
  /// order.
  package var unexplainedRedactions: [Int64] { textless.sorted() }

  private mutating func note(_ fault: String) {
    if faults.count < Self.faultsMax { faults.append(fault) }
  }
}

/// Consecutive events of a log, for a fold.
package struct LogStretch: Sendable {
  package var events: [LeanEvent] = []
  /// The invalid events in order, by their indices in `events`.
  package var findings: [(index: Int, finding: ChainCheck.Finding)] = []

  package init() {}
}

/// A replay: builds the views from the events alone, and checks the log on the way.
package struct LogFold: Sendable {
  package private(set) var projector = Projector()
  package private(set) var events = 0
  /// The last folded event.
  package private(set) var head = LogHead.empty
  /// The time of the last event.
  package private(set) var time = Timestamp(milliseconds: 0)
  private var check: LogCheck?
  /// The slots of delegations by their streams: numbers and names of one log belong together.
  private var slots = StreamTable<Int?>(missing: nil)

  /// - Parameter isChecking: whether hashes and versions are checked.
  package init(isChecking: Bool) { check = isChecking ? LogCheck() : nil }

  /// The faults, in the order of the log.
  package var faults: [String] { check?.faults ?? [] }

  /// The events whose text is missing without an earlier event that records the redaction, in
  /// order.
  package var unexplainedRedactions: [Int64] { check?.unexplainedRedactions ?? [] }

  /// Folds the next event in.
  package mutating func take(_ stored: StoredEvent) {
    var lean = LeanEvent(stored)
    note(stored, as: lean)
    projector.absorb(&lean, &slots[lean.stream, lean.number])
  }

  /// Folds the next event in. It costs more than `take`.
  /// - Returns: the rows that changed.
  package mutating func takeReturningChanges(_ stored: StoredEvent) -> [RowChange] {
    let lean = LeanEvent(stored)
    note(stored, as: lean)
    return projector.fold(lean)
  }

  private mutating func note(_ stored: StoredEvent, as lean: LeanEvent) {
    check?.take(stored, as: lean)
    events += 1
    head = LogHead(position: stored.position, hash: stored.hash)
    time = stored.time
  }

  /// Folds the next events in, whose hashes were checked elsewhere. The fold has no valid head
  /// afterwards until `stand` sets it.
  /// - Parameter isWanted: whether to fold an event; the fold stops at the first one that is not
  ///   wanted.
  /// - Returns: false if the fold stopped.
  package mutating func take(
    _ stretch: consuming LogStretch, while isWanted: (_ position: Int64, _ time: Timestamp) -> Bool
  ) -> Bool {
    var findings = stretch.findings[...]
    // By index, so that no event is copied.
    return stretch.events.withUnsafeMutableBufferPointer { all in
      for index in all.indices {
        guard isWanted(all[index].position, all[index].time) else { return false }
        if check != nil {
          let isFound = findings.first?.index == index
          check?.take(&all[index], isFound ? findings.removeFirst().finding : .sound)
        }
        let (stream, number) = (all[index].stream, all[index].number)
        projector.absorb(&all[index], &slots[stream, number])
        events += 1
        head.position = all[index].position
        time = all[index].time
      }
      return true
    }
  }

  /// Sets the head after the last event that was taken. Later events are checked from here.
  package mutating func stand(at head: LogHead) {
    self.head = head
    check?.chain = ChainCheck(after: head, time: events > 0 ? time : nil)
  }
}
