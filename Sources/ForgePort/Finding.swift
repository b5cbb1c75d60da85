/// The result of one check of the setup, for `aipm doctor`.
package struct Finding: Equatable, Sendable {
  /// How serious a finding is.
  package enum Verdict: String, Sendable {
    case good, poor, bad
    /// Something optional is not installed.
    case absent
  }

  /// What was checked, in a word or two.
  package var subject: String
  package var verdict: Verdict
  package var detail: String
  /// What a person can do.
  package var hint: String?

  package init(subject: String, verdict: Verdict, detail: String, hint: String?) {
    self.subject = subject
    self.verdict = verdict
    self.detail = detail
    self.hint = hint
  }

  /// Something that is in order.
  package static func good(_ subject: String, _ detail: String) -> Finding {
    Finding(subject: subject, verdict: .good, detail: detail, hint: nil)
  }

  /// Something that works, but should be changed.
  package static func poor(_ subject: String, _ detail: String, _ hint: String?) -> Finding {
    Finding(subject: subject, verdict: .poor, detail: detail, hint: hint)
  }

  /// Something that does not work.
  package static func bad(_ subject: String, _ detail: String, _ hint: String?) -> Finding {
    Finding(subject: subject, verdict: .bad, detail: detail, hint: hint)
  }
}
