import Domain

/// The columns of an event as a store keeps them, in the order of its table. (Public, since other
/// modules only inline what is.)
@frozen public enum EventColumn: CaseIterable, Sendable {
  case position, id, stream, version, type, schema, time, actorKind, actor, correlation, causation
  case repository, branch, baseBranch, requester, stamp, priority, agent, workflow, digest
  case sha, parent, pr, url, adopted, worker, incarnation, attempt, token, step, code, tries
  case retryAt, ambiguous, retryable, detail, payloadHash, hash

  /// Its place among all, from 0 on. Columns are read thirty times for each of millions of events,
  /// so this is the one byte that such a value is, which a test holds it to.
  @inlinable @inline(__always)
  public var index: Int { Int(unsafeBitCast(self, to: UInt8.self)) }
}

/// Where the facts of one event are read from, each when it is asked for: most events have few.
package protocol FactSource {
  /// nil where the column is absent, or no text.
  func text(_ column: EventColumn) -> String?
  /// nil where the column is absent, or no number.
  func integer(_ column: EventColumn) -> Int64?
  /// The name of a git object; nil where the column is absent, or no text.
  func object(_ column: EventColumn) -> ObjectID?
}

extension FactSource {
  /// nil where the column is absent.
  func flag(_ column: EventColumn) -> Bool? { integer(column).map { $0 != 0 } }
}

/// An event where it stands in the memory of whoever reads it. Nothing of it outlives the next row.
package protocol EventRow: AnyObject, FactSource {
  /// A text's UTF-8, or bytes, where they stand; nil where the column is absent.
  func bytes(_ column: EventColumn) -> UnsafeRawBufferPointer?
}

extension Facts: FactSource {
  /// See `FactSource`.
  package func text(_ column: EventColumn) -> String? {
    switch column {
    case .repository: repository
    case .branch: branch
    case .baseBranch: baseBranch
    case .requester: requester
    case .agent: agent
    case .workflow: workflow
    case .digest: digest
    case .sha: sha
    case .parent: parent
    case .url: url
    case .worker: worker
    case .step: step
    case .code: code
    case .position, .id, .stream, .version, .type, .schema, .time, .actorKind, .actor,
      .correlation, .causation, .stamp, .priority, .pr, .adopted, .incarnation, .attempt, .token,
      .tries, .retryAt, .ambiguous, .retryable, .detail, .payloadHash, .hash:
      nil
    }
  }

  /// See `FactSource`.
  package func integer(_ column: EventColumn) -> Int64? {
    func number(_ flag: Bool?) -> Int64? { flag.map { $0 ? 1 : 0 } }
    return switch column {
    case .stamp: stamp
    case .priority: priority
    case .pr: pr
    case .adopted: number(adopted)
    case .incarnation: incarnation
    case .attempt: attempt
    case .token: token
    case .tries: tries
    case .retryAt: retryAt
    case .ambiguous: number(ambiguous)
    case .retryable: number(retryable)
    case .position, .id, .stream, .version, .type, .schema, .time, .actorKind, .actor,
      .correlation, .causation, .repository, .branch, .baseBranch, .requester, .agent, .workflow,
      .digest, .sha, .parent, .url, .worker, .step, .code, .detail, .payloadHash, .hash:
      nil
    }
  }

  /// See `FactSource`.
  package func object(_ column: EventColumn) -> ObjectID? { text(column).map { ObjectID($0) } }
}

extension Facts {
  /// The facts of a row, without `detail`.
  package init(_ row: any EventRow) {
    self.init()
    repository = row.text(.repository)
    branch = row.text(.branch)
    baseBranch = row.text(.baseBranch)
    requester = row.text(.requester)
    stamp = row.integer(.stamp)
    priority = row.integer(.priority)
    agent = row.text(.agent)
    workflow = row.text(.workflow)
    digest = row.text(.digest)
    sha = row.text(.sha)
    parent = row.text(.parent)
    pr = row.integer(.pr)
    url = row.text(.url)
    adopted = row.flag(.adopted)
    worker = row.text(.worker)
    incarnation = row.integer(.incarnation)
    attempt = row.integer(.attempt)
    token = row.integer(.token)
    step = row.text(.step)
    code = row.text(.code)
    tries = row.integer(.tries)
    retryAt = row.integer(.retryAt)
    ambiguous = row.flag(.ambiguous)
    retryable = row.flag(.retryable)
  }
}
