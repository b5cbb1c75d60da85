// The columns of an event. This table is the only list of them: the SQL table and its migrations,
// `Facts`, the JSON of exports, the order of hashing and the codecs are all derived from it.
//
// To add a column, append one line to `EventColumn` and let the codec fill it. The guide
// (HashFormat.md, "Adding a column") has the steps.

import Domain
import Text

/// The columns of the table `events`, in its order. The raw value declares the column: its SQL
/// name, then either an SQL type (a column of the envelope) or a `ColumnDeclaration.Kind` (a fact)
/// and the schema version that introduced it if that isn't 1.
///
/// Columns are only ever appended, as `ALTER TABLE` does. A fact is nullable, and it is absent from
/// JSON and from the hash if it is NULL. (Public because other modules inline `index`.)
@frozen public enum EventColumn: String, CaseIterable, Sendable {
  // The envelope.
  case position = "position INTEGER PRIMARY KEY"
  case id = "id BLOB NOT NULL"
  case stream = "stream INTEGER NOT NULL REFERENCES streams(id)"
  case version = "version INTEGER NOT NULL"
  case type = "type INTEGER NOT NULL"
  case schema = "schema INTEGER NOT NULL"
  case time = "time INTEGER NOT NULL"
  case actorKind = "actor_kind TEXT NOT NULL"
  case actor = "actor TEXT NOT NULL"
  case correlation = "correlation TEXT"
  case causation = "causation BLOB"

  // The facts. Each comment says which event gives the column which meaning.
  /// `requested`: the repository.
  case repository = "repository name"
  /// `requested`: the branch to create, or the branch of the adopted pull request.
  case branch = "branch text"
  /// `requested`: the base branch, if the request names one. `base-resolved`: the base branch.
  case baseBranch = "base_branch name"
  /// `requested`: who asked. `round-started`: who asked in AIPM.
  case requester = "requester name"
  /// `requested`: the delegation's stamp, in milliseconds since 1970.
  case stamp = "stamp integer"
  /// `requested`: the priority; the largest number runs first.
  case priority = "priority integer"
  /// `requested`, `round-started`: the agent asked for. `generating`: the agent that runs.
  case agent = "agent name"
  /// `requested`, `workflow-defined`: the workflow's name.
  case workflow = "workflow name"
  /// `requested`, `workflow-defined`: the digest of the workflow's definition.
  case digest = "digest name"
  /// A commit. `base-resolved`: the base. `branch-created`: the branch's first commit.
  /// `task-committed`: the task commit. `generating`: the commit that the agent starts from.
  /// `generated`: the agent's commit. `pushed`, `round-ended`: the branch's new head.
  /// `feedback-recorded`: the commit that it speaks of.
  case sha = "sha text"
  /// `generated`: the parent of `sha`.
  case parent = "parent text"
  /// `requested`: the adopted pull request. `pr-created`: the pull request.
  case pr = "pr integer"
  /// `pr-created`: the pull request's page.
  case url = "url text"
  /// `branch-created`, `task-committed`, `pr-created`, `pushed`: whether the result of an earlier
  /// try was found, instead of made.
  case adopted = "adopted flag"
  /// `dispatched`: the worker.
  case worker = "worker name"
  /// `dispatched`, `worker.registered`: how often the worker has started.
  case incarnation = "incarnation integer"
  /// `dispatched`, `generating`, `generated`, `released`, `network-used`: the attempt, from 1.
  case attempt = "attempt integer"
  /// The fencing token of `attempt`. `generated`, `released`: absent if no worker held the attempt.
  case token = "token integer"
  /// `failed`, `step-failed`: the step.
  case step = "step name"
  /// `failed`: why the delegation failed. `step-failed`: why the step failed. `released`: why the
  /// attempt ended. `pull-request-updated`: the pull request's state. `feedback-recorded`,
  /// `feedback-judged`: whether it counts. `round-ended`: why the round failed. `rounds-stopped`:
  /// the limit.
  case code = "code name"
  /// `step-failed`: how often the step was tried.
  case tries = "tries integer"
  /// `step-failed`: the time of the next try, in milliseconds since 1970.
  case retryAt = "retry_at integer"
  /// `step-failed`: whether the step may have taken effect.
  case ambiguous = "ambiguous flag"
  /// `failed`: whether a retry may help.
  case retryable = "retryable flag"

  // The rest of the envelope.
  /// The canonical JSON of the facts that have no column; NULL if all have one.
  case detail = "detail TEXT"
  case payloadHash = "payload_hash BLOB NOT NULL"
  case hash = "hash BLOB NOT NULL"

  // Facts that later schemas added. What an agent reported that it used: `generated`, `released` or
  // `failed`, whichever ends the attempt. A number that was not reported is absent.
  /// As the agent counts them.
  case inputTokens = "input_tokens integer 4"
  case outputTokens = "output_tokens integer 4"
  /// Input tokens that came from a cache.
  case cachedTokens = "cached_tokens integer 4"
  /// Millionths of a US dollar.
  case costMicrodollars = "cost_microdollars integer 4"
  /// Thousandths of a credit.
  case millicredits = "millicredits integer 4"
  /// `requested`, `round-started`: the delegation that a follow-up follows.
  case follows = "follows name 5"

  /// The position in `allCases`. Replay reads thirty columns of each of millions of events, so this
  /// reads the one byte that an enum of up to 256 cases is. A test checks that.
  @inlinable @inline(__always)
  public var index: Int { Int(unsafeBitCast(self, to: UInt8.self)) }

  /// All columns, by `index`.
  package static let table = allCases.map { ColumnDeclaration($0) }

  /// The facts, in the order of the table.
  package static let facts = table.filter { $0.kind != .envelope }

  var declaration: ColumnDeclaration { Self.table[index] }
}

/// The declaration of one column.
package struct ColumnDeclaration: Sendable {
  /// The type of a column.
  package enum Kind: String, Sendable {
    case envelope
    /// A text that repeats: adjacent rows share one copy in memory.
    case name
    case text
    case integer
    /// 0 or 1 in SQL, `false` or `true` in JSON.
    case flag

    /// Whether a JSON value is of this kind.
    func matches(_ value: JSONValue) -> Bool {
      switch self {
      case .envelope: false
      case .name, .text: value.stringValue != nil
      case .integer: value.integerValue != nil
      case .flag: value.boolValue != nil
      }
    }
  }

  package let column: EventColumn
  /// `base_branch`.
  package let sqlName: String
  /// `baseBranch`, the key in JSON.
  package let name: String
  /// The type and the constraints in SQL.
  package let sqlType: String
  package let kind: Kind
  /// The schema version that introduced the column.
  package var since: Int64

  init(_ column: EventColumn) {
    let words = column.rawValue.split(separator: " ", maxSplits: 1)
    let parts = words[0].split(separator: "_")
    let rest = words[1].split(separator: " ")
    self.column = column
    sqlName = String(words[0])
    name = parts[0] + parts.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    kind = Kind(rawValue: String(rest[0])) ?? .envelope
    since = kind == .envelope ? 1 : rest.dropFirst().first.flatMap { Int64($0) } ?? 1
    sqlType =
      switch kind {
      case .envelope: String(words[1])
      case .name, .text: "TEXT"
      case .integer, .flag: "INTEGER"
      }
  }
}

/// A source of an event's facts. Each is read when it is needed: most events have few.
package protocol FactSource {
  /// nil if the column is NULL or holds no text.
  func text(_ column: EventColumn) -> String?
  /// A number, or a flag as 0 or 1; nil if the column is NULL or holds neither.
  func integer(_ column: EventColumn) -> Int64?
  /// The name of a git object; nil if the column is NULL or holds no text.
  func object(_ column: EventColumn) -> ObjectID?
}

extension FactSource {
  /// nil if the column is NULL.
  package func flag(_ column: EventColumn) -> Bool? { integer(column).map { $0 != 0 } }
}

/// An event in memory that its reader owns. Pointers into it are valid until the next row is read.
package protocol EventRow: AnyObject, FactSource {
  /// The UTF-8 of a text, or the bytes; nil if the column is NULL.
  func bytes(_ column: EventColumn) -> UnsafeRawBufferPointer?
}
