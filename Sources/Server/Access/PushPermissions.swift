import Access
import Domain
import ForgePort
import HTTPTypes
import Synchronization

/// Whether people may push to repositories, as the forge says, asked with AIPM's credential. An
/// answer is kept for a minute.
final class PushPermissions: Sendable {
  private struct Key: Hashable {
    let repository: String
    let user: String
  }

  private struct Answer {
    let mayPush: Bool
    let end: ContinuousClock.Instant
  }

  static let age = Duration.seconds(60)
  /// With more answers than this, all are asked again.
  static let answersMax = 10_000

  private let forge: any ForgeClient
  private let answers = Mutex<[Key: Answer]>([:])

  init(_ forge: any ForgeClient) { self.forge = forge }

  /// Whether the user may push.
  /// - Throws: `ForgeFault` if the forge does not answer.
  func mayPush(
    _ user: String, to repository: RepositoryName, at now: ContinuousClock.Instant = .now
  ) async throws(ForgeFault) -> Bool {
    let key = Key(
      repository: repository.description.lowercased(), user: user.lowercased())
    if let known = answers.withLock({ $0[key] }), now < known.end { return known.mayPush }
    let mayPush: Bool
    switch await forge.perform(.mayPush(repository, user: user)) {
    case .success(.mayPush(let answer)): mayPush = answer
    case .success: mayPush = false
    case .failure(let fault): throw fault
    }
    answers.withLock { answers in
      if answers.count >= Self.answersMax { answers = [:] }
      answers[key] = Answer(mayPush: mayPush, end: now + Self.age)
    }
    return mayPush
  }
}

extension ServerContext {
  /// Refuses a submission of a person to a repository that the forge does not let them push to, if
  /// the server checks that. Tokens are limited by their patterns alone.
  /// - Throws: `Problem` 403; 503 if the forge does not answer.
  func requirePush(_ context: APIContext, _ repository: RepositoryName) async throws {
    let sender = try context.identified()
    guard configuration.checksPushPermission, sender.token == nil, sender.session != nil else {
      return
    }
    guard let user = sender.forgeUser else {
      throw Problem.noPush(
        "Your account does not say who you are on the forge, so AIPM cannot ask whether you may "
          + "push to \(repository).",
        hint: "Ask the administrator of AIPM about openid-forge-user-claim.")
    }
    let mayPush: Bool
    do throws(ForgeFault) {
      mayPush = try await pushPermissions.mayPush(user, to: repository)
    } catch {
      throw Problem.unavailable(
        "The forge could not be asked whether \(user) may push to \(repository): "
          + "\(error.message)")
    }
    // The forge may have taken its time.
    try access.requireAccepted(sender)
    guard mayPush else {
      throw Problem.noPush(
        "\(user) may not push to \(repository), says the forge.",
        hint: "Ask for write access there, and try again after a minute.")
    }
  }
}

extension Problem {
  fileprivate static func noPush(_ detail: String, hint: String) -> Problem {
    var problem = Problem(.forbidden, "Not permitted", detail, hint: hint)
    problem.code = "not-permitted"
    return problem
  }
}
