import Domain

/// The facts of one event as the log keeps them: typed columns for what folds and queries read,
/// and one canonical JSON object for the rest. The user's and the agents' words are not here.
package struct Facts: Equatable, Sendable {
  package var repository: String?
  package var branch: String?
  package var baseBranch: String?
  package var requester: String?
  package var stamp: Int64?
  package var priority: Int64?
  package var agent: String?
  package var workflow: String?
  package var digest: String?
  package var sha: String?
  /// The commit that `sha` stands on.
  package var parent: String?
  package var pr: Int64?
  package var url: String?
  package var adopted: Bool?
  package var worker: String?
  package var incarnation: Int64?
  package var attempt: Int64?
  package var token: Int64?
  package var step: String?
  /// A failure's, a fault's or a release's code, or a pull request's state.
  package var code: String?
  package var tries: Int64?
  /// Milliseconds since 1970.
  package var retryAt: Int64?
  package var ambiguous: Bool?
  package var retryable: Bool?
  /// What no view and no query reads.
  package var detail: [String: JSONValue] = [:]

  package init() {}

  /// The facts as the object that is hashed and shown: column names are the keys, `detail` is
  /// merged in, and what is absent is left out.
  package var object: [String: JSONValue] {
    var all = detail
    func put(_ key: String, _ text: String?) { if let text { all[key] = .string(text) } }
    func put(_ key: String, _ n: Int64?) { if let n { all[key] = .integer(n) } }
    func put(_ key: String, _ flag: Bool?) { if let flag { all[key] = .bool(flag) } }
    put("repository", repository)
    put("branch", branch)
    put("baseBranch", baseBranch)
    put("requester", requester)
    put("stamp", stamp)
    put("priority", priority)
    put("agent", agent)
    put("workflow", workflow)
    put("digest", digest)
    put("sha", sha)
    put("parent", parent)
    put("pr", pr)
    put("url", url)
    put("adopted", adopted)
    put("worker", worker)
    put("incarnation", incarnation)
    put("attempt", attempt)
    put("token", token)
    put("step", step)
    put("code", code)
    put("tries", tries)
    put("retryAt", retryAt)
    put("ambiguous", ambiguous)
    put("retryable", retryable)
    return all
  }

  /// The inverse of `object`.
  package init(object: [String: JSONValue]) {
    var rest = object
    func text(_ key: String) -> String? { rest.removeValue(forKey: key)?.stringValue }
    func integer(_ key: String) -> Int64? { rest.removeValue(forKey: key)?.integerValue }
    func flag(_ key: String) -> Bool? { rest.removeValue(forKey: key)?.boolValue }
    repository = text("repository")
    branch = text("branch")
    baseBranch = text("baseBranch")
    requester = text("requester")
    stamp = integer("stamp")
    priority = integer("priority")
    agent = text("agent")
    workflow = text("workflow")
    digest = text("digest")
    sha = text("sha")
    parent = text("parent")
    pr = integer("pr")
    url = text("url")
    adopted = flag("adopted")
    worker = text("worker")
    incarnation = integer("incarnation")
    attempt = integer("attempt")
    token = integer("token")
    step = text("step")
    code = text("code")
    tries = integer("tries")
    retryAt = integer("retryAt")
    ambiguous = flag("ambiguous")
    retryable = flag("retryable")
    detail = rest
  }
}
