// Signs people in with a provider, for tests in other languages. It reads commands, a line each,
// and answers with a line of JSON:
//
//   begin            {"number": N, "url": "…"}
//   finish N QUERY   {"name": …, "subject": …, "groups": […], "roles": […], "repositories": […]},
//                    or {"fault": …, "origin": …}
//   forward SECONDS  {}: the clock is so much later from now on
//
//   openid-sign-in ISSUER CLIENT NAME-CLAIM GROUP=ROLE…; the secret is in OPENID_SECRET

import Access
import Domain
import Foundation
import HTTPClient
import OpenID
import Synchronization
import SystemCalls
import Text

@main
struct SignIn {
  private static let ahead = Mutex<Int64>(0)

  static func main() async throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard arguments.count >= 3 else { exit(2) }
    let settings = try OpenIDSettings(
      issuer: arguments[0], clientID: arguments[1],
      clientSecret: ProcessInfo.processInfo.environment["OPENID_SECRET"],
      redirectURI: "http://127.0.0.1/sign-in/openid/callback", nameClaim: arguments[2],
      grants: OpenIDGrants(arguments.dropFirst(3).compactMap { OpenIDGrant($0) }))
    let provider = OpenIDProvider(
      settings, http: HTTPClient(configuration: .init(userAgent: "test", proxy: .none)),
      now: { Timestamp.now + .seconds(ahead.withLock { $0 }) })
    var pending: [PendingSignIn] = []
    while let line = readLine() {
      let words = line.split(separator: " ", maxSplits: 2).map { String($0) }
      let answer: JSONValue
      do throws(OpenIDFault) {
        switch words.first {
        case "begin":
          let begun = try await provider.begin()
          pending.append(begun.pending)
          answer = ["number": JSONValue(pending.count - 1), "url": .string(begun.authorizationURL)]
        case "finish":
          let number = Int(words[1]) ?? 0
          answer = described(
            try await provider.finish(pending[number], query: words.count > 2 ? words[2] : ""))
        case "forward":
          ahead.withLock { $0 += Int64(words[1]) ?? 0 }
          answer = [:]
        case _: exit(2)
        }
      } catch {
        answer = ["fault": .string("\(error)"), "origin": .string("\(error.origin)")]
      }
      print(answer.canonicalText)
      fflush(nil)
    }
  }

  private static func described(_ person: SignedInPerson) -> JSONValue {
    [
      "name": .string(person.name), "subject": .string(person.subject),
      "groups": .array(person.groups.map { .string($0) }),
      "roles": .array(person.principal.roles.map(\.rawValue).sorted().map { .string($0) }),
      "repositories": .array(person.principal.repositories.map { .string($0.description) }),
    ]
  }
}
