// Reads streams from a store that may fail. A failed read is repeated with increasing waits. A
// stream that still cannot be read is quarantined: callers that wait for it get an error, other
// streams continue, and it is read again every minute.

import Domain
import EventLog
import Projections

/// The result of reading a stream whose first read failed.
package struct StreamReading: Equatable, Sendable {
  /// The result of a try.
  package enum Outcome: Equatable, Sendable {
    /// The read failed, and is tried again after this time.
    case failed(again: Milliseconds)
    /// It failed so often that the stream is quarantined.
    case quarantined
    /// A stream in quarantine was read.
    case recovered
  }
  package var stream: StreamName
  package var outcome: Outcome
  /// The store's message; empty for `recovered`.
  package var reason: String
}

extension Engine {
  /// The most tries before a stream is quarantined.
  struct ReadTries {
    var most: Int
    var backoff: Backoff

    /// Something else waits for these tries.
    static let brief = ReadTries(
      most: 3, backoff: Backoff(first: Milliseconds(200), maximum: .seconds(1)))
    static let whileServing = ReadTries(
      most: 6, backoff: Backoff(first: .seconds(2), maximum: .seconds(60)))
  }

  /// The wait before a quarantined stream is read again.
  static let readAgainAfter = Milliseconds.seconds(60)

  /// The quarantined streams and the reasons: they cannot be read, or their events do not follow
  /// from each other.
  package func quarantined() -> [StreamName: String] {
    var all = core.unreadable
    for (id, executor) in core.executors {
      if let corrupt = executor.corrupt { all[.delegation(id)] = corrupt.description }
    }
    return all
  }

  func events(
    of stream: StreamName, tries: ReadTries
  ) async -> Result<[RecordedEvent], StoreFault> {
    var number = 1
    while true {
      do throws(StoreFault) {
        return .success(try await store.read(stream))
      } catch {
        guard number < tries.most else { return .failure(error) }
        let wait = tries.backoff.delay(after: number, seed: "\(stream)")
        report(
          StreamReading(stream: stream, outcome: .failed(again: wait), reason: error.message))
        try? await clock.sleep(wait)
      }
      number += 1
    }
  }

  // MARK: Starts

  /// Delegations that are read in one batch of a start.
  private static let rowsOfBatch = 4096

  /// What a start needs of every delegation that has not ended.
  func liveDelegations() async throws(StoreFault) -> [LiveDelegation] {
    var live: [LiveDelegation] = []
    // The states that are read first go first on a branch, so that there is little to sort.
    for state in DelegationStateName.allCases.reversed() where !state.isTerminal {
      var last: Stamp?
      while true {
        let batch = try await store.liveDelegations(
          in: state, after: last, limit: Self.rowsOfBatch)
        live += batch
        last = batch.last?.stamp
        if batch.count < Self.rowsOfBatch { break }
      }
    }
    return live
  }

  /// The events of streams that everything else waits for. What cannot be read is quarantined.
  func streams(of names: [StreamName]) async -> [(StreamName, [RecordedEvent])] {
    await withTaskGroup(of: [(StreamName, [RecordedEvent])].self) { group in
      var rest = names[...]
      var all: [(StreamName, [RecordedEvent])] = []
      for _ in 0..<Self.loadsMax { addBatch(of: &rest, to: &group) }
      while let found = await group.next() {
        all += found
        addBatch(of: &rest, to: &group)
      }
      return all
    }
  }

  private nonisolated func addBatch(
    of rest: inout ArraySlice<StreamName>,
    to group: inout TaskGroup<[(StreamName, [RecordedEvent])]>
  ) {
    guard !rest.isEmpty else { return }
    let batch = Array(rest.prefix(Self.streamsOfBatch))
    rest = rest.dropFirst(batch.count)
    group.addTask { await self.read(batch) }
  }

  private func read(_ batch: [StreamName]) async -> [(StreamName, [RecordedEvent])] {
    if let found = try? await store.read(batch) { return Array(zip(batch, found)) }
    var all: [(StreamName, [RecordedEvent])] = []
    for stream in batch {
      switch await events(of: stream, tries: .brief) {
      case .success(let events): all.append((stream, events))
      case .failure(let fault): quarantine(stream, fault)
      }
    }
    return all
  }

  // MARK: Loads

  /// How many streams one read takes, and how many such reads there are at a time. Other reads of
  /// the store wait for them.
  private static let streamsOfBatch = 32
  private static let loadsMax = 2

  /// Reads the streams of delegations that the core waits for, in batches.
  func loadWaiting() {
    while loads < Self.loadsMax, !waitingLoads.isEmpty {
      let batch = Array(waitingLoads.prefix(Self.streamsOfBatch))
      waitingLoads = waitingLoads.dropFirst(batch.count)
      loads += 1
      begin {
        await self.load(batch)
        return nil
      }
    }
  }

  private func load(_ batch: [DelegationID]) async {
    let found = try? await store.read(batch.map { .delegation($0) })
    loads -= 1
    loadWaiting()
    guard let found else {
      // One of them cannot be read. The others do not wait for its tries.
      for id in batch {
        // A worker may be reserved for one that waits.
        readAlone(
          .delegation(id), loads: true, tries: core.parked[id] == nil ? .whileServing : .brief)
      }
      return
    }
    for (id, events) in zip(batch, found) { step(.loaded(id, events)) }
  }

  /// Reads a stream, with several tries.
  func readAlone(_ stream: StreamName, loads: Bool, tries: ReadTries) {
    begin {
      switch await self.events(of: stream, tries: tries) {
      case .success(let events): return Self.input(stream, read: events, loads: loads)
      case .failure(let fault):
        await self.quarantine(stream, fault)
        return nil
      }
    }
  }

  /// The core's input for a stream that was read.
  static func input(
    _ stream: StreamName, read events: [RecordedEvent], loads: Bool
  ) -> EngineCore.Input? {
    switch stream {
    case .delegation(let id): loads ? .loaded(id, events) : .delegation(id, .reloaded(events))
    case .worker(let id): .worker(id, .reloaded(events))
    case .system: nil
    }
  }

  // MARK: Quarantine

  func quarantine(_ stream: StreamName, _ fault: StoreFault) {
    report(StreamReading(stream: stream, outcome: .quarantined, reason: fault.message))
    step(.unreadable(stream, reason: fault.message))
    guard rereading[stream] == nil else { return }
    rereading[stream] = Task { [clock, store, weak self] in
      while (try? await clock.sleep(Self.readAgainAfter)) != nil {
        guard let events = try? await store.read(stream) else { continue }
        await self?.recover(stream, events)
        return
      }
    }
  }

  private func recover(_ stream: StreamName, _ events: [RecordedEvent]) {
    rereading[stream] = nil
    report(StreamReading(stream: stream, outcome: .recovered, reason: ""))
    switch stream {
    case .delegation(let id): step(.loaded(id, events))
    case .worker(let id): step(.worker(id, .reloaded(events)))
    case .system: break
    }
  }
}

extension WorkerRow {
  /// Whether a start reads the worker's stream. A worker of another host that is stopped or
  /// lost, and has no delegation, is read when it registers.
  var mayComeBack: Bool {
    switch state {
    case .stopped, .lost: local || delegation != nil
    case .starting, .idle, .busy, .draining, .unhealthy, .parked: true
    }
  }
}
