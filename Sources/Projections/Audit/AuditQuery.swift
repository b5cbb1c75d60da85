import Domain
import EventLog
import Text

/// A query of the log: terms that must all match an event.
///
/// `repo: pr: id: code: branch: type: actor: worker: agent: sha: since: until: position: refused:
/// follows:`
/// select events, the first five of them by the delegation of the event. `state: age: stuck:`
/// select by the current row of that delegation. Other text is searched in the event's text. The
/// API and `aipm audit` share this language and its parser.
package struct AuditQuery: Equatable, Sendable {
  /// A condition, or its negation.
  package struct Term: Equatable, Sendable {
    package var condition: Condition
    package var isNegated: Bool

    package init(condition: Condition, isNegated: Bool) {
      self.condition = condition
      self.isNegated = isNegated
    }
  }

  /// A range of integers with both ends included; nil for no bound.
  package struct Span: Equatable, Sendable {
    package var lower: Int64?
    package var upper: Int64?

    package init(lower: Int64? = nil, upper: Int64? = nil) {
      self.lower = lower
      self.upper = upper
    }

    /// Whether a number lies between the bounds.
    package func contains(_ n: Int64) -> Bool {
      lower.map { n >= $0 } ?? true && upper.map { n <= $0 } ?? true
    }
  }

  /// The condition of a term.
  package enum Condition: Equatable, Sendable {
    case repository(String)
    /// nil for any repository.
    case pullRequest(repository: String?, number: Int64)
    /// The id of a delegation or of an event.
    case id(String)
    case stamp(Int64)
    case branch(String)
    case type(Set<EventType>)
    /// A name or a kind of actor.
    case actor(String)
    case worker(String)
    case agent(String)
    /// The first digits of a commit.
    case sha(prefix: String)
    case time(Span)
    case position(Span)
    /// A host that an attempt was refused, in lower case.
    case refused(String)
    /// The delegation that a follow-up follows.
    case follows(DelegationID)
    case state(DelegationStateName)
    /// Milliseconds in the current state.
    case age(Span)
    case stuck(Bool)
    /// A–Z folded to a–z.
    case words(String)
  }

  package var terms: [Term]
  /// The reference time of `age:`, `stuck:` and spans such as `since:24h`.
  package var now: Timestamp

  package init(terms: [Term], now: Timestamp) {
    self.terms = terms
    self.now = now
  }
}

/// An invalid query, and the position of its fault.
package struct AuditFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// As written in the query.
  package var term: String
  /// The term's start, in characters from 1.
  package var column: Int
  package var message: String
  package var description: String { "\(term) (column \(column)): \(message)" }
}

/// An event, and the current row of its delegation.
package struct AuditedEvent: Sendable {
  package var event: StoredEvent
  /// nil if it belongs to no delegation.
  package var row: DelegationRow?
  package init(event: StoredEvent, row: DelegationRow?) {
    self.event = event
    self.row = row
  }
}

extension AuditQuery {
  /// Whether all terms match. This defines the meaning of a query; a store may find the same events
  /// in a faster way. An event that cannot be decoded is matched by its columns.
  package func matches(_ audited: AuditedEvent) -> Bool {
    terms.allSatisfy { holds($0.condition, audited) != $0.isNegated }
  }

  private func holds(_ condition: Condition, _ audited: AuditedEvent) -> Bool {
    let (event, row, facts) = (audited.event, audited.row, audited.event.facts)
    switch condition {
    case .repository(let name): return (row?.repository ?? facts.text(.repository)) == name
    case .pullRequest(let repository, let number):
      return row?.pr == number && (repository.map { $0 == row?.repository } ?? true)
    case .id(let id):
      return UUIDText.encode(event.id) == id || event.stream.name == .delegation(DelegationID(id))
    case .stamp(let stamp): return row?.stamp == stamp
    case .branch(let name): return row?.branch == name
    case .type(let types): return types.contains { Int64($0.rawValue) == event.type }
    case .actor(let name): return event.actor == name || event.actorKind == name
    case .worker(let name):
      return facts.text(.worker) == name || event.stream.name == .worker(WorkerID(name))
        || (event.actorKind == Actor.Kind.worker.rawValue && event.actor == name)
    case .agent(let name): return facts.text(.agent) == name
    case .sha(let prefix): return facts.text(.sha)?.hasPrefix(prefix) ?? false
    case .time(let span): return span.contains(event.time.milliseconds)
    case .position(let span): return span.contains(event.position)
    case .refused(let host): return Self.refused(host, event)
    case .follows(let id): return facts.text(.follows) == id.rawValue
    case .state(let state): return row?.state == state
    case .age(let span):
      return row.map { span.contains(now.milliseconds - $0.stateSince) } ?? false
    case .stuck(let isWanted): return row.map { $0.isStuck(at: now) == isWanted } ?? false
    case .words(let words): return Self.holds(words, event)
    }
  }

  /// Whether the event records that an attempt was refused the host; false if it cannot be decoded.
  private static func refused(_ host: String, _ event: StoredEvent) -> Bool {
    guard event.type == Int64(EventType.networkUsed.rawValue),
      case .delegation(.networkUsed(let used))? = try? event.event()
    else { return false }
    return used.use?.refusedHosts.contains { $0.host == host } ?? false
  }

  /// Whether the text is in the event's texts, its type, its code or its step.
  private static func holds(_ words: String, _ event: StoredEvent) -> Bool {
    let type = EventType(rawValue: Int(event.type))?.name ?? ""
    let names = [type, event.facts.text(.code) ?? "", event.facts.text(.step) ?? ""]
    if names.contains(where: { DelegationFilter.folded($0).utf8.contains(words.utf8) }) {
      return true
    }
    // Texts that are not JSON cannot be searched.
    guard !event.body.isEmpty, let texts = try? JSONValue(json: event.body) else { return false }
    return holds(words, texts)
  }

  private static func holds(_ words: String, _ value: JSONValue) -> Bool {
    switch value {
    case .string(let text): DelegationFilter.folded(text).utf8.contains(words.utf8)
    case .array(let items): items.contains { holds(words, $0) }
    case .object(let members): members.values.contains { holds(words, $0) }
    case .null, .bool, .integer, .number: false
    }
  }
}

extension DelegationRow {
  /// Whether it has been in its state longer than it should be.
  package func isStuck(at now: Timestamp) -> Bool {
    quarantine != nil
      || StuckPolicy().isStuck(
        state, since: Timestamp(milliseconds: stateSince),
        due: retryAt.map { Timestamp(milliseconds: $0) }, at: now)
  }
}
