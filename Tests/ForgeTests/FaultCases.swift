import Domain
import EmbeddedForge
import Foundation

/// One line of the table: what goes wrong with which call, and what the delegation ends as.
struct FaultCase: Sendable {
  enum End: Sendable, Equatable {
    case pushed
    case failed(FailureCode)
  }

  let name: String
  /// Of the file of faults; `REPO` stands for the repository's name.
  var rules: [String]
  var end = End.pushed
  /// What the hint or the message must speak of, where it fails.
  var says = ""
  var settings = RepositorySettings()
  var draft = false
  /// A branch that stands there before.
  var clash: String?
  /// Of one call. A slow one takes longer than this, and no other one does, on a busy machine too.
  var limit = Duration.seconds(20)
}

extension FaultCase {
  /// A call of the good way, as a rule names it.
  struct Call {
    let name: String
    let pattern: String
    /// Whether it changes something on the forge.
    var writes = false
    var isGit = false
  }

  static let calls = [
    Call(name: "repository", pattern: "GET /repos/REPO"),
    Call(name: "head", pattern: "GET /repos/REPO/commits/HEAD"),
    Call(name: "TASK.md", pattern: "GET /repos/REPO/contents/TASK.md"),
    Call(name: "ref", pattern: "POST /repos/REPO/git/refs", writes: true),
    Call(name: "commit", pattern: "PUT /repos/REPO/contents/TASK.md", writes: true),
    Call(name: "pull", pattern: "POST /repos/REPO/pulls", writes: true),
    Call(name: "git refs", pattern: "GET /REPO.git/info/refs", isGit: true),
    Call(name: "fetch", pattern: "POST /REPO.git/git-upload-pack", isGit: true),
    Call(name: "push", pattern: "POST /REPO.git/git-receive-pack", writes: true, isGit: true),
  ]

  /// What looks for a write whose answer was lost.
  static let lookUps = [
    ("ref", "POST /repos/REPO/git/refs", "GET /repos/REPO/git/ref/**"),
    ("commit", "PUT /repos/REPO/contents/TASK.md", "GET /repos/REPO/compare/**"),
    ("pull", "POST /repos/REPO/pulls", "GET /repos/REPO/pulls"),
  ]

  static func rule(_ call: String, _ then: String) -> String {
    #"{"call":"\#(call)","first":1,"then":"# + then + "}"
  }

  /// Faults that pass by themselves: whatever call they meet, the delegation goes on to its end.
  static let passing: [(name: String, then: String)] =
    [
      ("reset before", #""drop""#), ("answer lost", #""drop-answer""#),
      (timeOut, #""slow","for":"4500ms""#), (slowBody, #""slow-body","for":"4500ms""#),
      ("truncated", #""truncate""#), ("HTML", #""answer","status":200,"html":true"#),
      ("HTML 502", #""fail","status":502,"html":true"#),
      ("429", #""answer","status":429,"headers":{"Retry-After":"7"},"body":{"message":"slow"}"#),
    ] + [500, 503, 504].map { ("\($0)", #""fail","status":\#($0)"#) }

  private static let timeOut = "time-out"
  private static let slowBody = "slow body"
  private static func limit(_ fault: String) -> Duration {
    [timeOut, slowBody].contains(fault) ? .seconds(3) : .seconds(20)
  }

  /// A limit in each of its forms, which API calls alone are told of.
  static let limits: [(name: String, then: String)] = [
    (
      "primary limit",
      #""answer","status":403,"headers":{"X-RateLimit-Remaining":"0","X-RateLimit-Reset":"#
        + #""1733356900"},"body":{"message":"API rate limit exceeded"}"#
    ),
    (
      "secondary limit",
      #""answer","status":403,"body":{"message":"You have exceeded a secondary rate limit."}"#
    ),
    (
      "too quick",
      answer(
        422, "Validation Failed",
        errors: #"[{"resource":"PullRequest","code":"custom","#
          + #""message":"was submitted too quickly"}]"#)
    ),
    (
      "abuse",
      answer(
        422, "Validation Failed",
        errors: #"[{"resource":"PullRequest","code":"abuse","field":"user_id"}]"#)
    ),
    ("409", #""answer","status":409,"body":{"message":"Conflict"}"#),
  ]

  static func answer(_ status: Int, _ message: String, errors: String = "[]") -> String {
    #""answer","status":\#(status),"body":{"message":"\#(message)","errors":\#(errors)}"#
  }

  static var all: [FaultCase] {
    transient + lookedUp + limited + refused + unprocessable + repositories
  }

  private static var transient: [FaultCase] {
    calls.flatMap { call in
      passing.map { fault in
        FaultCase(
          name: "\(call.name): \(fault.name)", rules: [rule(call.pattern, fault.then)],
          limit: limit(fault.name))
      }
    }
  }

  private static var lookedUp: [FaultCase] {
    lookUps.flatMap { name, write, lookUp in
      passing.map { fault in
        FaultCase(
          name: "\(name) lost, then its look-up: \(fault.name)",
          rules: [rule(write, #""drop-answer""#), rule(lookUp, fault.then)],
          limit: limit(fault.name))
      }
    }
  }

  private static var limited: [FaultCase] {
    calls.filter { !$0.isGit }.flatMap { call in
      limits.map { fault in
        FaultCase(
          name: "\(call.name): \(fault.name)", rules: [rule(call.pattern, fault.then)])
      }
    }
  }

  private static var refused: [FaultCase] {
    calls.flatMap { call -> [FaultCase] in
      let missing =
        #","headers":{"X-Accepted-GitHub-Permissions":"contents=write"}"#
      // A push that was let in and is then refused once may have been taken: it is looked for, and
      // made again.
      let end: FaultCase.End = call.name == "push" ? .pushed : .failed(.forgeRefused)
      var cases = [
        FaultCase(
          name: "\(call.name): 401", rules: [rule(call.pattern, answer(401, "Bad credentials"))],
          end: end, says: call.isGit ? "contents:write" : "AIPM_GITHUB_TOKEN"),
        FaultCase(
          name: "\(call.name): 403",
          rules: [rule(call.pattern, answer(403, "Resource not accessible") + missing)],
          end: end, says: call.isGit ? "contents:write" : "contents=write"),
      ]
      // A file that is not there is an answer; a branch that was just made may not be seen at once.
      if call.name != "TASK.md", call.name != "commit" {
        cases.append(
          FaultCase(
            name: "\(call.name): 404", rules: [rule(call.pattern, answer(404, "Not Found"))],
            end: end, says: call.name == "head" ? "that exists" : "heck"))
      }
      if !call.isGit {
        cases.append(
          FaultCase(
            name: "\(call.name): 301",
            rules: [
              #"{"call":"\#(call.pattern)","then":"answer","status":301,"headers":{"Location":"#
                + #""/api/v3\#(call.pattern.split(separator: " ")[1])"},"body":{}}"#
            ]))
      }
      return cases
    } + [
      FaultCase(
        name: "TASK.md: 404", rules: [rule(calls[2].pattern, answer(404, "Not Found"))]),
      FaultCase(name: "commit: 404", rules: [rule(calls[4].pattern, answer(404, "Not Found"))]),
    ]
  }

  private static var unprocessable: [FaultCase] {
    let pull = calls[5].pattern
    func detail(_ field: String, _ message: String) -> String {
      #"[{"resource":"PullRequest","code":"custom","field":"\#(field)","message":"\#(message)"}]"#
    }
    func invalid(_ field: String) -> String {
      #"[{"resource":"PullRequest","code":"invalid","field":"\#(field)"}]"#
    }
    return [
      FaultCase(
        name: "ref: 422 exists",
        rules: [rule(calls[3].pattern, answer(422, "Reference already exists"))]),
      FaultCase(
        name: "ref: 422 update failed, and nothing in the way",
        rules: [rule(calls[3].pattern, answer(422, "Reference update failed"))]),
      FaultCase(
        name: "ref: 422 update failed, and the look for what is in the way too",
        rules: [
          rule(calls[3].pattern, answer(422, "Reference update failed")),
          rule("GET /repos/REPO/git/ref/heads/feature", #""fail","status":502"#),
        ]),
      FaultCase(
        name: "ref: 422 rule",
        rules: [rule(calls[3].pattern, answer(422, "Repository rule violations found"))],
        end: .failed(.forgeRefused), says: "rule"),
      FaultCase(
        name: "commit: 422 sha",
        rules: [
          rule(calls[4].pattern, answer(422, #"Invalid request.\n\n\"sha\" wasn't supplied."#))
        ]),
      FaultCase(
        name: "commit: 422 rule",
        rules: [rule(calls[4].pattern, answer(422, "Repository rule violations found"))],
        end: .failed(.forgeRefused), says: "rule"),
      FaultCase(
        name: "pull: 422 exists",
        rules: [
          rule(
            pull,
            answer(
              422, "Validation Failed",
              errors: detail("", "A pull request already exists for octo:feature/x-1.")))
        ]),
      FaultCase(
        name: "pull: 422 no commits",
        rules: [
          rule(
            pull,
            answer(
              422, "Validation Failed",
              errors: detail("", "No commits between main and feature/x-1")))
        ]),
      FaultCase(
        name: "pull: 422 head",
        rules: [rule(pull, answer(422, "Validation Failed", errors: invalid("head")))]),
      FaultCase(
        name: "pull: 422 base",
        rules: [rule(pull, answer(422, "Validation Failed", errors: invalid("base")))],
        end: .failed(.forgeRefused), says: "base"),
    ]
  }

  /// No rule: the repository itself is so.
  private static var repositories: [FaultCase] {
    func settings(_ change: (inout RepositorySettings) -> Void) -> RepositorySettings {
      var settings = RepositorySettings()
      change(&settings)
      return settings
    }
    return [
      FaultCase(name: "nothing wrong", rules: []),
      FaultCase(
        name: "archived", rules: [], end: .failed(.forgeRefused), says: "archived",
        settings: settings { $0.isArchived = true }),
      FaultCase(
        name: "disabled", rules: [], end: .failed(.forgeRefused), says: "blocked",
        settings: settings { $0.isDisabled = true }),
      FaultCase(
        name: "read-only credential", rules: [], end: .failed(.forgeRefused), says: "may not write",
        settings: settings { $0.allowsWriting = false }),
      FaultCase(
        name: "protected branch names", rules: [], end: .failed(.forgeRefused),
        says: "rule", settings: settings { $0.protectedBranches = ["feature/*"] }),
      FaultCase(
        name: "drafts not allowed", rules: [], settings: settings { $0.allowsDrafts = false },
        draft: true),
      FaultCase(
        name: "a branch where a folder is wanted", rules: [], end: .failed(.forgeRefused),
        says: "another branch name", clash: "feature"),
    ]
  }
}
