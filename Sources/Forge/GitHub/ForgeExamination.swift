import Domain
import Engine
import FoundationEssentials
import HTTPClient

/// What was found out about the forge and the credential, for whoever sets AIPM up.
package struct ForgeFinding: Equatable, Sendable {
  /// How it is.
  package enum Verdict: String, Sendable {
    case good, poor, bad
    /// It is not there, and need not be.
    case absent
  }
  /// What was looked at, in a word or two.
  package var subject: String
  package var verdict: Verdict
  package var detail: String
  package var hint: String?

  package init(subject: String, verdict: Verdict, detail: String, hint: String?) {
    self.subject = subject
    self.verdict = verdict
    self.detail = detail
    self.hint = hint
  }
}

extension GitHubClient {
  /// A clock that differs by more makes an app's signatures and the ends of limits wrong.
  private static let skewMax = Milliseconds.seconds(30)
  /// A token that ends so soon is told of.
  private static let endsSoon = Milliseconds.seconds(7 * 86_400)

  /// Asks the forge how it stands with the credential, and with a repository. It changes nothing.
  package func examine(_ repository: RepositoryName?) async -> [ForgeFinding] {
    var findings: [ForgeFinding] = []
    let response: HTTPResponse
    do throws(ForgeFault) {
      response = try await ask("/rate_limit")
    } catch {
      return [bad("forge", error.message, error.hint)]
    }
    findings.append(clock(response))
    findings += await credential(response)
    if let repository, !findings.contains(where: { $0.verdict == .bad && $0.subject != "clock" }) {
      findings.append(await examine(repository))
    }
    return findings
  }

  private func ask(_ path: String) async throws(ForgeFault) -> HTTPResponse {
    let token = try await configuration.credential.token()
    do throws(HTTPFault) {
      return try await http.send(
        HTTPRequest(
          url: configuration.apiURL + path, headers: Self.headers(token: token),
          timeout: configuration.timeout, connectTimeout: min(.seconds(5), configuration.timeout),
          responseLimit: 1 << 20))
    } catch {
      throw ForgeFault(
        kind: .unreachable, status: 0, message: "\(configuration.apiURL): \(error.detail)",
        hint: Self.reachHint(configuration.apiURL))
    }
  }

  private func bad(_ subject: String, _ detail: String, _ hint: String?) -> ForgeFinding {
    ForgeFinding(subject: subject, verdict: .bad, detail: detail, hint: hint)
  }

  // MARK: The clock

  /// The forge's `Date` against this machine's clock.
  private func clock(_ response: HTTPResponse) -> ForgeFinding {
    guard let theirs = response.headers["date"].flatMap({ Self.date($0) }) else {
      return ForgeFinding(
        subject: "clock", verdict: .poor, detail: "the forge does not tell the time", hint: nil)
    }
    let skew = configuration.now() - theirs
    let seconds = abs(skew.count) / 1000
    guard seconds * 1000 > Self.skewMax.count else {
      return ForgeFinding(
        subject: "clock", verdict: .good, detail: "within \(seconds) s of the forge's", hint: nil)
    }
    return bad(
      "clock", "\(seconds) s \(skew.count > 0 ? "ahead of" : "behind") the forge's",
      "Set this machine's clock, by NTP for example.")
  }

  /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
  static func date(_ text: String) -> Timestamp? {
    let words = text.split(separator: " ")
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    guard words.count == 6, words[5] == "GMT", let month = months.firstIndex(of: String(words[2]))
    else { return nil }
    let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
    let iso = "\(words[3])-\(number)-\(words[1])T\(words[4])Z"
    return Timestamp(iso8601: iso)
  }

  // MARK: The credential

  private func credential(_ response: HTTPResponse) async -> [ForgeFinding] {
    let body = ErrorBody(response)
    switch response.status {
    case 200: break
    // GitHub Enterprise with its limits switched off.
    case 404 where body?.has("rate limiting") == true: break
    case 401:
      return [bad("credential", body?.text ?? "401", configuration.credential.renewalHint)]
    case _:
      let said = body?.text ?? "it does not answer as the API does"
      return [
        bad(
          "forge", "\(configuration.apiURL) answered \(response.status): \(said)",
          "Check AIPM_GITHUB_API_URL: of GitHub Enterprise it is https://HOST/api/v3.")
      ]
    }
    note(response)
    var findings = [await rights(response)]
    if let end = expiry(response) { findings.append(end) }
    if let allowance = condition.allowance {
      let isLow = allowance.remaining * 10 < allowance.limit
      findings.append(
        ForgeFinding(
          subject: "limit", verdict: isLow ? .poor : .good,
          detail: "\(allowance.remaining) of \(allowance.limit) calls are left",
          hint: isLow ? "Delegations wait when it is used up, and go on by themselves." : nil))
    }
    return findings
  }

  /// What the credential may, as far as it can be told without trying.
  private func rights(_ response: HTTPResponse) async -> ForgeFinding {
    switch configuration.credential {
    case .token:
      guard let scopes = response.headers["X-OAuth-Scopes"] else {
        return ForgeFinding(
          subject: "credential", verdict: .good,
          detail: "a token that the forge takes; what it may is seen with --repo", hint: nil)
      }
      let held = Set(scopes.split(separator: ",").map { String($0.filter { $0 != " " }) })
      guard held.contains("repo") || held.contains("public_repo") else {
        return bad(
          "credential", "a classic token with the scopes \(scopes)", "Give it the scope repo.")
      }
      return ForgeFinding(
        subject: "credential", verdict: .good, detail: "a classic token with the scopes \(scopes)",
        hint: nil)
    case .app(let app):
      let permissions = (try? await app.installationToken())?.permissions ?? [:]
      let missing = ["contents", "pull_requests"].filter { permissions[$0] != "write" }
      guard missing.isEmpty else {
        let names = missing.map { "\($0): write" }.joined(separator: ", ")
        return bad(
          "credential", "the app lacks \(names)",
          "Grant the app \(names), and have the installation accept it.")
      }
      return ForgeFinding(
        subject: "credential", verdict: .good,
        detail: "an app that may write contents and pull requests", hint: nil)
    }
  }

  /// When a fine-grained or classic token ends, where it does.
  private func expiry(_ response: HTTPResponse) -> ForgeFinding? {
    // "2026-12-24 10:00:00 UTC"
    guard let text = response.headers["github-authentication-token-expiration"],
      let end = Timestamp(
        iso8601: text.split(separator: " ").prefix(2).joined(separator: "T") + "Z")
    else { return nil }
    let left = end - configuration.now()
    let isSoon = left < Self.endsSoon
    return ForgeFinding(
      subject: "token's end", verdict: isSoon ? .poor : .good, detail: text,
      hint: isSoon ? "Make a new token before that, and restart with it." : nil)
  }

  // MARK: A repository

  private func examine(_ repository: RepositoryName) async -> ForgeFinding {
    switch await perform(.repository(repository)) {
    case .failure(let fault): return bad("\(repository)", fault.message, fault.hint)
    case .success(.repository(let found)):
      if found.archived {
        return bad("\(repository)", "it is archived", "Unarchive it, or name another.")
      }
      if found.disabled {
        return bad("\(repository)", "it is disabled", "Ask its owner or the forge's support.")
      }
      if found.mayPush == false {
        return bad(
          "\(repository)", "the credential may not write to it",
          "Grant it contents: write and pull_requests: write.")
      }
      return ForgeFinding(
        subject: "\(repository)", verdict: .good,
        detail: "the credential may write to it; branches start from \(found.defaultBranch)",
        hint: nil)
    case .success:
      return bad("\(repository)", "the forge's answer does not fit the question", nil)
    }
  }
}
