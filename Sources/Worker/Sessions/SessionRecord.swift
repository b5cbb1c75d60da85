// What a worker knows of a conversation that an agent may continue.

import Cryptography
import Domain
import FoundationEssentials
import SystemCalls
import WorkerProtocol

/// A conversation of an agent on a pull request, when its attempt has ended well.
struct SessionRecord: Codable, Equatable, Sendable {
  var version = Self.versionNow
  /// The pull request's first delegation.
  var first: String
  /// `OWNER/REPO`
  var repository: String
  /// The name of the agent's profile.
  var agent: String
  /// The attempt whose conversation it is.
  var key: AttemptKey
  /// What the agent calls it; nil if it has no name.
  var session: String?
  var salt: String
  /// See `digest`.
  var digest: String
  /// Milliseconds since 1970.
  var keptAt: Int64
  var keptUntil: Int64
  /// Of the agent's HOME.
  var bytes = 0
  /// What the agent has used in the conversation, if it reports that.
  var used: AgentUsage?

  private static let versionNow = 1
  private static let bytesMax = 64 << 10

  init(_ assignment: Assignment, _ order: SessionOrder, session: String?, now: Int64) {
    first = order.first
    repository = assignment.repository
    agent = assignment.agent.name
    key = AttemptKey(assignment.lease)
    self.session = session
    salt = UUID().uuidString
    digest = Self.digest(assignment, salt: salt)
    keptAt = now
    keptUntil = now.addingReportingOverflow(order.keepMs).partialValue
  }

  /// The salted digest of how the agent is called and of the variables that it and the commands
  /// beside it get. An agent's HOME may hold what it was given: it is not continued by one that is
  /// called in another way, or that is given other credentials.
  private static func digest(_ assignment: Assignment, salt: String) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    // Such values hold strings, whole numbers and flags, which can always be encoded.
    var bytes =
      Array(salt.utf8) + [0] + ((try? encoder.encode(assignment.agent)).map(Array.init) ?? [])
    let names = assignment.agent.environment + (assignment.commands?.environment ?? [])
    for (name, value) in AgentEnvironment.allowed(Set(names).sorted()) {
      bytes += [0] + Array("\(name)=\(value)".utf8)
    }
    return SHA256.hex(bytes)
  }

  /// Whether the agent of this assignment may continue it.
  func fits(_ assignment: Assignment, now: Int64) -> Bool {
    guard let order = assignment.session, order.prompt != nil else { return false }
    return version == Self.versionNow && first == order.first
      && repository == assignment.repository && agent == assignment.agent.name
      // Another attempt at the same delegation begins a new one: it is asked the same again.
      && key.delegation != assignment.lease.delegation
      && now < min(keptUntil, keptAt.addingReportingOverflow(order.keepMs).partialValue)
      && (session != nil || !assignment.agent.namesSession)
      && isOfAgent(of: assignment)
  }

  /// Whether the agent of this assignment is called in the same way, with the same variables.
  func isOfAgent(of assignment: Assignment) -> Bool {
    digest == Self.digest(assignment, salt: salt)
  }

  var resumption: AgentProcess.Resumption {
    AgentProcess.Resumption(session: session, used: used ?? AgentUsage())
  }

  // MARK: Files

  /// nil if the file is absent or damaged.
  init?(path: String) {
    guard let bytes = try? DurableFile.read(path, atMost: Self.bytesMax),
      let record = try? JSONDecoder().decode(Self.self, from: Data(bytes))
    else { return nil }
    self = record
  }

  func write(_ path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    try DurableFile.replace(path, with: [UInt8](encoder.encode(self)))
  }
}

extension AgentCall {
  /// Whether its agent needs a name to continue a conversation.
  var namesSession: Bool {
    session != nil || (resumeArguments ?? []).contains { $0.kind == .session }
  }
}

/// How much is kept of conversations in a worker's folder.
package struct SessionLimits: Sendable {
  package var countMax = 32
  /// Of all together.
  package var bytesMax = 2 << 30
  /// The HOME of one agent. A larger one is not kept.
  package var homeBytesMax = 512 << 20
  package var homeEntriesMax = 100_000

  package init() {}
}
