#if PostgreSQL

import Domain
import EventLog
import PostgreSQL
import Projections
import SQLiteEventStore

/// A look at the database while the session waits for the answer to COMMIT.
struct SessionBusy: Error {}

/// Appends that are planned for one transaction. The writer's memory is as after them.
struct BatchPlan {
  /// What the writer knew before.
  let before: PostgreSQLWriter.Knowledge
  fileprivate(set) var batch: LogBatch
  fileprivate(set) var requests: [PostgreSQLAppend] = []
  /// Of each request.
  fileprivate(set) var results: [Result<[RecordedEvent], AppendFault>] = []
  /// What was looked up for them, and what they change in it.
  fileprivate var context = AdmissionContext()

  init(_ writer: PostgreSQLWriter) {
    before = writer.knowledge
    batch = LogBatch(after: before.sealer.head)
  }
}

/// What is looked up for the next batch while the server commits one.
struct LookUpAhead {
  fileprivate let lookUp: LookUp
  /// The streams with an append that it is for. It is each stream's first.
  fileprivate let streams: Set<StreamName>
}

extension PostgreSQLWriter {
  /// Adds appends to a plan.
  /// - Throws: if the plan has to begin again.
  func plan(_ added: [PostgreSQLAppend], into plan: inout BatchPlan) throws {
    plan.context.add(try lookUp(added.map(\.append.append)))
    for request in added { try self.plan(request, into: &plan) }
  }

  private func plan(_ request: PostgreSQLAppend, into plan: inout BatchPlan) throws {
    plan.results.append(try carryOut(request.append, &plan.context, &plan.batch))
    plan.requests.append(request)
  }

  // MARK: Ahead

  /// Takes the requests that wait in the queue, to plan them while the server commits a batch.
  /// - Returns: what has to be looked up for them.
  func takeAhead() -> [PostgreSQLStatement] {
    lookUpAhead = nil
    guard next == nil, left.isEmpty, !isCacheFull, areWorkersLoaded, let queue else { return [] }
    left = queue.takeReady(max: Self.batchMax)
    var first: [StreamName: Append] = [:]
    for case .append(let request) in left.prefix(while: \.isAppend) {
      let append = request.append.append
      if first[append.stream] == nil { first[append.stream] = append }
    }
    let missing = first.filter { !isInMemory($0.value) }
    guard !missing.isEmpty else { return [] }
    let lookUp = LookUp(for: Array(missing.values), self)
    lookUpAhead = LookUpAhead(lookUp: lookUp, streams: Set(missing.keys))
    return lookUp.statements
  }

  /// Plans the appends that were taken, while the server commits the batch before. The session is
  /// busy, so those that need another look at the database are left for later, and a job with all
  /// that is behind it.
  /// - Parameter found: waits for the results of what `takeAhead` returned; nil without results.
  func planAhead(
    _ found: () throws(PostgreSQLError) -> [PostgreSQLRows]?
  ) throws(PostgreSQLError) {
    planLeft([])
    guard let ahead = lookUpAhead, let found = try found() else { return }
    lookUpAhead = nil
    var plan = next ?? BatchPlan(self)
    guard
      let context = try? ahead.lookUp.read(found, &streams, &lookedUp)
    else { return }
    plan.context.add(context)
    next = plan
    planLeft(
      ahead.streams.filter { stream in
        // Those that exist have to be folded first.
        if case .delegation(let id) = stream, ahead.lookUp.unfolded.contains(id) {
          return streams[stream] == nil
        }
        return true
      })
  }

  /// - Parameter ready: the streams whose first append can be planned, because what it needs was
  ///   looked up.
  private func planLeft(_ ready: Set<StreamName>) {
    isSessionBusy = true
    defer { isSessionBusy = false }
    var ready = ready
    var plan = next ?? BatchPlan(self)
    var rest: [PostgreSQLRequest] = []
    // The appends of one stream stay in order.
    var streamsLeft = Set<StreamName>()
    for (index, request) in left.enumerated() {
      guard case .append(let append) = request else {
        rest += left[index...]
        break
      }
      let stream = append.append.append.stream
      guard !streamsLeft.contains(stream),
        ready.remove(stream) != nil || isInMemory(append.append.append)
      else {
        rest.append(request)
        streamsLeft.insert(stream)
        continue
      }
      do {
        try self.plan(append, into: &plan)
      } catch {
        // It begins again when the session is free.
        undo(to: plan.before)
        left = plan.requests.map { .append($0) } + rest + left[index...]
        next = nil
        return
      }
    }
    left = rest
    next = plan.requests.isEmpty ? nil : plan
  }

  /// Takes a plan back: its appends are planned again.
  func dropPlan() {
    guard let plan = next else { return }
    left = plan.requests.map { .append($0) } + left
    next = nil
  }

  /// Whether an append can be planned without a look at the database.
  private func isInMemory(_ append: Append) -> Bool {
    guard streams[append.stream] != nil, areWorkersLoaded else { return false }
    for case .delegation(.requested) in append.events { return false }
    if case .delegation(let id) = append.stream, projector.delegations[id] == nil { return false }
    return projector.missingRows(for: [append], at: sealer.time(at: clock())).isEmpty
  }
}

extension PostgreSQLRequest {
  fileprivate var isAppend: Bool {
    if case .append = self { true } else { false }
  }
}

#endif
