import Cryptography
import Domain
import ForgePort
import Text
import Workflows

/// Asks the forge whether the author of feedback may push to the repository.
///
/// Identity: the feedback. It is a read: repeating it changes nothing.
struct ExamineFeedback: Effect {
  let feedback: FeedbackID
  let author: String
  let repository: RepositoryName
  let policy: RoundPolicy

  mutating func start() -> EffectStep {
    .calls([.forge(.mayPush(repository, user: author))])
  }

  mutating func resume(_ answers: [Answer]) -> EffectStep {
    switch answers.only.forge {
    case .success(.mayPush(let mayPush)):
      return .done(
        .record(.conversation(.judge(feedback, policy.verdict(mayPush: mayPush)))))
    case .success: return .done(.fault(.unexpected(.examineFeedback)))
    case .failure(let fault):
      switch fault.kind {
      // A credential is renewed, and what people say waits for it.
      case .unauthorized:
        return .done(
          .fault(
            StepFault(
              step: .examineFeedback,
              kind: .transient(.unavailable, ambiguous: false, notBefore: nil),
              message: fault.message, hint: fault.hint)))
      case .unreachable, .noAnswer, .unavailable, .limited, .down, .forbidden, .notFound,
        .conflict, .exists, .possibleNameClash, .notYetVisible, .empty, .draftsUnsupported,
        .refused:
        return .done(.fault(StepFault(.examineFeedback, fault)))
      }
    }
  }
}

/// Requests the follow-up delegation of a round.
///
/// Identity: the id of the delegation, which the conversation recorded. If its stream exists, that
/// has happened.
struct RequestRound: Effect {
  let round: DelegationID
  let first: DelegationID

  mutating func start() -> EffectStep { .calls([.round(round, of: first)]) }

  mutating func resume(_ answers: [Answer]) -> EffectStep {
    guard case .round(let answer) = answers.first else {
      return .done(.fault(.unexpected(.startRound)))
    }
    switch answer {
    case .underWay: return .done(.requested(round))
    case .ended(let end): return .done(.record(.conversation(.endRound(end))))
    case .failed(let message):
      return .done(
        .fault(
          StepFault(
            step: .startRound, kind: .transient(.local, ambiguous: false, notBefore: nil),
            message: message, hint: nil)))
    }
  }
}

/// The ids of follow-up delegations.
package enum RoundID {
  /// The id of a round that the engine starts. A try after a crash gets the same id.
  /// - Parameter number: the number of rounds before it.
  static func of(_ number: Int, in first: DelegationID) -> DelegationID {
    derived("\(first.rawValue) round \(number)")
  }

  /// The id of a round that a person asks for with an idempotency key.
  package static func of(key: String, in first: DelegationID) -> DelegationID {
    derived("\(first.rawValue) key \(key)")
  }

  /// A UUID of version 8 (RFC 9562, section 5.8), from the SHA-256 of a text.
  private static func derived(_ text: String) -> DelegationID {
    var bytes = Array(SHA256.hash(text.utf8).prefix(16))
    bytes[6] = bytes[6] & 0x0f | 0x80
    bytes[8] = bytes[8] & 0x3f | 0x80
    return DelegationID(UUIDText.encode(bytes))
  }
}
