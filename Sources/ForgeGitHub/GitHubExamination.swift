import Domain
import ForgePort
import FoundationEssentials
import HTTPClient

extension GitHubClient {
  /// With a larger difference an app's signatures and the ends of limits are wrong.
  private static let skewMax = Milliseconds.seconds(30)
  /// A token that ends within this time is reported.
  private static let endsSoon = Milliseconds.seconds(7 * 86_400)

  /// Checks the forge, the credential, and its rights on `repository`. It changes nothing.
  package func examine(_ repository: RepositoryName?) async -> [Finding] {
    var findings: [Finding] = []
    let response: HTTPResponse
    do throws(ForgeFault) {
      response = try await ask("/rate_limit")
    } catch {
      return [.bad("forge", error.message, error.hint)]
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
        Self.request(
          "GET", configuration.apiURL + path, token: token, timeout: configuration.timeout))
    } catch {
      throw ForgeFault(
        kind: .unreachable, message: "\(configuration.apiURL): \(error.detail)",
        hint: Self.reachHint(configuration.apiURL))
    }
  }

  // MARK: The clock

  /// Compares the forge's `Date` with this machine's clock.
  private func clock(_ response: HTTPResponse) -> Finding {
    guard let theirs = response.headers["date"].flatMap({ Self.date($0) }) else {
      return .poor("clock", "the forge does not tell the time", nil)
    }
    let skew = configuration.now() - theirs
    let seconds = abs(skew.count) / 1000
    guard seconds * 1000 > Self.skewMax.count else {
      return .good("clock", "within \(seconds) s of the forge's")
    }
    return .bad(
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

  private func credential(_ response: HTTPResponse) async -> [Finding] {
    let body = ErrorBody(response)
    switch response.status {
    case 200: break
    // GitHub Enterprise without limits.
    case 404 where body?.has("rate limiting") == true: break
    case 401:
      return [.bad("credential", body?.text ?? "401", configuration.credential.renewalHint)]
    case _:
      let message = body?.text ?? "it does not answer as the API does"
      return [
        .bad(
          "forge", "\(configuration.apiURL) answered \(response.status): \(message)",
          "Check AIPM_GITHUB_API_URL: of GitHub Enterprise it is https://HOST/api/v3.")
      ]
    }
    note(response)
    var findings = await rights(response)
    if let end = expiry(response) { findings.append(end) }
    if let allowance = condition.allowance {
      let isLow = allowance.remaining * 10 < allowance.limit
      findings.append(
        Finding(
          subject: "limit", verdict: isLow ? .poor : .good,
          detail: "\(allowance.remaining) of \(allowance.limit) calls are left",
          hint: isLow ? "Delegations wait when it is used up, and go on by themselves." : nil))
    }
    return findings
  }

  /// The credential's rights, as far as they are known without trying.
  private func rights(_ response: HTTPResponse) async -> [Finding] {
    switch configuration.credential {
    case .token:
      guard let scopes = response.headers["X-OAuth-Scopes"],
        let held = response.scopes("X-OAuth-Scopes")
      else {
        let text = "a token that the forge takes; what it may is seen with --repo"
        return [.good("credential", text)]
      }
      guard held.contains("repo") || held.contains("public_repo") else {
        return [
          .bad(
            "credential", "a classic token with the scopes \(scopes)", "Give it the scope repo.")
        ]
      }
      return [.good("credential", "a classic token with the scopes \(scopes)")]
    case .app(let app):
      return Self.rights((try? await app.installationToken())?.permissions ?? [:])
    }
  }

  /// - Parameter permissions: of an app, by GitHub's names of them.
  private static func rights(_ permissions: [String: String]) -> [Finding] {
    let missing = ["contents", "pull_requests"].filter { permissions[$0] != "write" }
      .map { "\($0): write" }.joined(separator: ", ")
    // Without these AIPM works, and does not see why a check failed.
    let unseen = ["checks", "statuses", "actions"].filter { permissions[$0] == nil }
      .map { "\($0): read" }.joined(separator: ", ")
    func grant(_ names: String) -> String {
      "Grant the app \(names), and have the installation accept it."
    }
    var findings = [
      missing.isEmpty
        ? Finding.good("credential", "an app that may write contents and pull requests")
        : .bad("credential", "the app lacks \(missing)", grant(missing))
    ]
    if !unseen.isEmpty {
      findings.append(
        .poor(
          "checks", "the app lacks \(unseen): checks that fail, or their logs, are not seen",
          grant(unseen)))
    }
    return findings
  }

  /// When a token ends, if it does.
  private func expiry(_ response: HTTPResponse) -> Finding? {
    // "2026-12-24 10:00:00 UTC"
    guard let text = response.headers["github-authentication-token-expiration"],
      let end = Timestamp(
        iso8601: text.split(separator: " ").prefix(2).joined(separator: "T") + "Z")
    else { return nil }
    let left = end - configuration.now()
    let isSoon = left < Self.endsSoon
    return Finding(
      subject: "token's end", verdict: isSoon ? .poor : .good, detail: text,
      hint: isSoon ? "Make a new token before that, and restart with it." : nil)
  }

  // MARK: A repository

  private func examine(_ repository: RepositoryName) async -> Finding {
    switch await perform(.repository(repository)) {
    case .failure(let fault): return .bad("\(repository)", fault.message, fault.hint)
    case .success(.repository(let found)):
      if found.archived {
        return .bad("\(repository)", "it is archived", "Unarchive it, or name another.")
      }
      if found.disabled {
        return .bad("\(repository)", "it is disabled", "Ask its owner or the forge's support.")
      }
      if found.mayPush == false {
        return .bad(
          "\(repository)", "the credential may not write to it",
          "Grant it contents: write and pull_requests: write.")
      }
      return .good(
        "\(repository)",
        "the credential may write to it; branches start from \(found.defaultBranch)")
    case .success:
      return .bad("\(repository)", "the forge's answer does not fit the question", nil)
    }
  }
}
