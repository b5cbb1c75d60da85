import Access
import Domain
import EventLog
import Logging
import Server

/// Appends to the log what `aipm token` changed in the data folder.
///
/// The folder is what counts: a token is valid or revoked as its file says, whether or not a server
/// runs. The log gets the difference between the folder and its own events: at each start, and
/// within a second after a change. So each token has one event of its creation and one of its end,
/// whatever crashes in between.
struct TokenJournal {
  private let tokens: TokenCache
  private let journal: SystemJournal
  private var created: Set<String> = []
  private var revoked: Set<String> = []

  /// Reads the tokens of the log.
  init(_ tokens: TokenStore, _ journal: SystemJournal) async throws {
    self.tokens = TokenCache(tokens)
    self.journal = journal
    for event in try await journal.tokenEvents() {
      switch event {
      case .tokenCreated(let token): created.insert(token.id)
      case .tokenRevoked(let token): revoked.insert(token.id)
      case .started, .recovered, .restored, .redacted, .workflowDefined: break
      }
    }
  }

  /// Appends the differences.
  mutating func record() async throws(AppendFault) {
    for token in tokens.all.sorted(by: { $0.created < $1.created }) {
      guard case .role(let role) = token.role else { continue }
      if !created.contains(token.id) {
        try await journal.add(
          .tokenCreated(
            TokenCreated(
              name: token.name, id: token.id, role: role.rawValue,
              repositories: token.repositories ?? [],
              created: Timestamp(milliseconds: token.created),
              expires: token.expires.map { Timestamp(milliseconds: $0) })),
          by: Self.actor(token.createdBy))
        created.insert(token.id)
      }
      if let time = token.revoked, !revoked.contains(token.id) {
        try await journal.add(
          .tokenRevoked(
            TokenRevoked(
              name: token.name, id: token.id, revoked: Timestamp(milliseconds: time))),
          by: Self.actor(token.revokedBy))
        revoked.insert(token.id)
      }
    }
  }

  /// Appends differences each second, until the task is cancelled.
  mutating func follow(_ logger: Logger) async {
    var isFailing = false
    while (try? await Task.sleep(for: .seconds(1))) != nil {
      do throws(AppendFault) {
        try await record()
        isFailing = false
      } catch {
        if !isFailing { logger.error("changes of tokens are not in the log yet: \(error)") }
        isFailing = true
      }
    }
  }

  private static func actor(_ user: String?) -> Actor {
    user.map { Actor(kind: .user, name: $0) } ?? .system
  }
}
