// Injected faults: for which calls, how often, and which. EmbeddedForge.md of the guide has the
// format.
//
// A file of rules is one JSON object:
//
//     {"seed": 7, "rules": [
//       {"call": "POST /repos/*/*/git/refs", "one-in": 5, "then": "drop-answer"},
//       {"call": "* /repos/**", "one-in": 10, "then": "fail", "status": 502},
//       {"call": "PUT **", "skip": 3, "first": 1, "then": "limit", "retry-after": 30}]}
//
// The first rule that matches a call, and is due, determines its fault.

import FoundationEssentials
import Text

/// A fault of a call.
enum FaultAction: Sendable, Equatable {
  /// The response is delayed.
  case slow(Duration)
  /// The second half of the response is delayed.
  case slowBody(Duration)
  case limit(Limit)
  /// The call has no effect, and gets this response.
  case answer(status: Int, headers: [String: String], body: [UInt8])
  /// The call has no effect; the connection is closed.
  case drop
  /// The call takes effect; the connection is closed without a response.
  case dropAnswer
  /// The call takes effect; the response is truncated.
  case truncate

  /// How the forge reports too many calls. Until its end every call is refused.
  enum Limit: Sendable, Equatable {
    /// 429 with `Retry-After`.
    case retryAfter(Int64)
    /// 403 with `X-RateLimit-Remaining: 0` and the time of the reset.
    case reset(Int64)
    /// 403 with only a message; it ends after a minute.
    case secondary

    var seconds: Int64 {
      switch self {
      case .retryAfter(let seconds), .reset(let seconds): seconds
      case .secondary: 60
      }
    }
  }
}

/// An action, and the calls for which it is due.
struct FaultRule: Sendable, Equatable {
  /// nil for any.
  var method: String?
  /// As in branch protection: `*` matches anything except a slash, `**` anything.
  var path: String
  /// The number of matching calls to skip.
  var skip = 0
  /// The number of calls after those; nil for all.
  var first: Int?
  /// Of those, one in this many, chosen pseudo-randomly by the seed.
  var oneIn = 1
  var action: FaultAction

  func matches(method: String, path: String) -> Bool {
    (self.method ?? method) == method && Glob.matches(path, self.path)
  }

  /// - Parameters:
  ///   - number: the number of the matching call, from 0.
  ///   - draw: uniformly distributed over 64 bits.
  func isDue(number: Int, draw: UInt64) -> Bool {
    guard number >= skip, number - skip < first ?? .max else { return false }
    return draw % UInt64(oneIn) == 0
  }
}

/// The rules of a file.
package struct FaultRules: Sendable, Equatable {
  var seed: UInt64 = 0
  var rules: [FaultRule] = []

  /// No faults.
  package init() {}

  /// Why a text is not a set of rules.
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  /// - Throws: `Fault` with the rule, the member, and a correction.
  package init(parsing bytes: [UInt8]) throws(Fault) {
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes) } catch { throw Fault(description: "it is not JSON") }
    let object = try Members(json, name: "the file", known: ["seed", "rules"])
    seed = UInt64(try object.integer("seed", in: 0...Int.max) ?? 0)
    guard let items = object["rules"]?.arrayValue else {
      throw Fault(description: "write {\"rules\": [ … ]}")
    }
    for (index, item) in items.enumerated() {
      rules.append(try Self.rule(item, name: "rule \(index + 1)"))
    }
  }

  private static let members: Set<String> = [
    "call", "skip", "first", "one-in", "then", "for", "status", "body", "headers", "html",
    "retry-after", "reset",
  ]

  private static func rule(_ json: JSONValue, name: String) throws(Fault) -> FaultRule {
    let members = try Members(json, name: name, known: Self.members)
    let call = (members["call"]?.stringValue ?? "").split(separator: " ")
    guard call.count == 2, call[1].hasPrefix("/") || call[1].hasPrefix("*") else {
      throw Fault(description: "\(name): write \"call\": \"METHOD /PATH\", such as \"PUT **\"")
    }
    return FaultRule(
      method: call[0] == "*" ? nil : String(call[0]), path: String(call[1]),
      skip: try members.integer("skip", in: 0...1_000_000) ?? 0,
      first: try members.integer("first", in: 1...1_000_000),
      oneIn: try members.integer("one-in", in: 1...1_000_000) ?? 1,
      action: try action(members))
  }

  private static func action(_ members: Members) throws(Fault) -> FaultAction {
    switch members["then"]?.stringValue {
    case "slow": return .slow(try members.duration("for"))
    case "slow-body": return .slowBody(try members.duration("for"))
    case "drop": return .drop
    case "drop-answer": return .dropAnswer
    case "truncate": return .truncate
    case "limit":
      if let seconds = try members.integer("retry-after", in: 0...86_400) {
        return .limit(.retryAfter(Int64(seconds)))
      }
      if let seconds = try members.integer("reset", in: 0...86_400) {
        return .limit(.reset(Int64(seconds)))
      }
      return .limit(.secondary)
    case "fail", "answer": return try answer(members)
    case _:
      throw Fault(
        description: "\(members.name): write \"then\": one of slow, slow-body, limit, fail, "
          + "answer, drop, drop-answer, truncate")
    }
  }

  private static func answer(_ members: Members) throws(Fault) -> FaultAction {
    let status = try members.integer("status", in: 200...599) ?? 500
    var headers: [String: String] = [:]
    if let given = members["headers"] {
      guard case .object(let fields) = given else {
        throw Fault(description: "\(members.name): write \"headers\": {\"NAME\": \"VALUE\"}")
      }
      for (name, value) in fields { headers[name] = value.stringValue ?? "" }
    }
    if members["html"]?.boolValue == true {
      headers["Content-Type"] = "text/html; charset=utf-8"
      let page = "<!DOCTYPE html><title>\(status)</title><h1>This page is not the API's.</h1>\n"
      return .answer(status: status, headers: headers, body: Array(page.utf8))
    }
    let body = members["body"] ?? ["message": "Server Error", "status": .string("\(status)")]
    return .answer(status: status, headers: headers, body: body.canonical)
  }
}

/// The members of one object, and its name in messages.
private struct Members {
  let name: String
  private let members: [String: JSONValue]

  init(_ json: JSONValue, name: String, known: Set<String>) throws(FaultRules.Fault) {
    guard case .object(let members) = json else {
      throw FaultRules.Fault(description: "\(name): must be an object")
    }
    self.name = name
    self.members = members
    if let unknown = members.keys.sorted().first(where: { !known.contains($0) }) {
      throw FaultRules.Fault(
        description: "\(name): there is no \"\(unknown)\"; known are: "
          + known.sorted().joined(separator: ", "))
    }
  }

  subscript(name: String) -> JSONValue? { members[name] }

  func integer(_ key: String, in range: ClosedRange<Int>) throws(FaultRules.Fault) -> Int? {
    guard let value = members[key] else { return nil }
    guard let number = value.integerValue.map(Int.init), range.contains(number) else {
      throw FaultRules.Fault(
        description: "\(name): \"\(key)\": write a whole number from \(range.lowerBound) to "
          + "\(range.upperBound)")
    }
    return number
  }

  /// A duration such as `300ms`, `2s` or `1m`.
  func duration(_ key: String) throws(FaultRules.Fault) -> Duration {
    let text = members[key]?.stringValue ?? ""
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let units = ["ms": 1, "s": 1000, "m": 60_000]
    guard let number = Int(digits), let unit = units[String(text.dropFirst(digits.count))],
      number <= 86_400_000
    else {
      throw FaultRules.Fault(
        description: "\(name): \"\(key)\": write a span such as \"300ms\", \"2s\" or \"1m\"")
    }
    return .milliseconds(number * unit)
  }
}
