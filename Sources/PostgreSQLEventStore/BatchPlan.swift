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

  init(_ writer: PostgreSQLWriter) {
    before = writer.knowledge
    batch = LogBatch(after: before.sealer.head)
  }
}

extension PostgreSQLWriter {
  /// Adds appends to a plan.
  /// - Throws: if the plan has to begin again.
  func plan(_ added: [PostgreSQLAppend], into plan: inout BatchPlan) throws {
    var context = try lookUp(added.map(\.append))
    for request in added { try self.plan(request, &context, into: &plan) }
  }

  private func plan(
    _ request: PostgreSQLAppend, _ context: inout AdmissionContext, into plan: inout BatchPlan
  ) throws {
    plan.results.append(try carryOut(request.append, &context, &plan.batch))
    plan.requests.append(request)
  }

  /// Plans the appends that wait in the queue, while the server commits the batch before. The
  /// session is busy, so those that need a look at the database are left for later, and a job with
  /// all that is behind it.
  func planAhead() {
    guard next == nil, left.isEmpty, !isCacheFull, let queue else { return }
    let ready = queue.takeReady(max: Self.batchMax)
    guard !ready.isEmpty else { return }
    isSessionBusy = true
    defer { isSessionBusy = false }
    var plan = BatchPlan(self)
    var context = AdmissionContext()
    // The appends of one stream stay in order.
    var streamsLeft = Set<StreamName>()
    for (index, request) in ready.enumerated() {
      guard case .append(let append) = request else {
        left += ready[index...]
        break
      }
      let stream = append.append.append.stream
      guard !streamsLeft.contains(stream), isInMemory(append.append.append) else {
        left.append(request)
        streamsLeft.insert(stream)
        continue
      }
      do {
        try self.plan(append, &context, into: &plan)
      } catch {
        // It begins again when the session is free.
        undo(to: plan.before)
        left = ready
        return
      }
    }
    if !plan.requests.isEmpty { next = plan }
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

#endif
