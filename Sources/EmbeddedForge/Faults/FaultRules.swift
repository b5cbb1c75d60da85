// Faults on demand: which calls go wrong, how often, and how. EmbeddedForge.md of the guide has the
// format.
//
// A file of rules is one JSON object:
//
//     {"seed": 7, "rules": [
//       {"call": "POST /repos/*/*/git/refs", "one-in": 5, "then": "drop-answer"},
//       {"call": "* /repos/**", "one-in": 10, "then": "fail", "status": 502},
//       {"call": "PUT **", "skip": 3, "first": 1, "then": "limit", "retry-after": 30}]}
//
// The first rule that fits a call, and whose turn it is, decides what becomes of it.

import FoundationEssentials
import Text

/// What goes wrong with a call.
enum FaultAction: Sendable, Equatable {
  /// It is answered as it should be, so much later.
  case slow(Duration)
  /// The first half of its answer comes at once, the rest so much later.
  case slowBody(Duration)
  case limit(Limit)
  /// It is not carried out, and answered like this.
  case answer(status: Int, headers: [String: String], body: [UInt8])
  /// It is not carried out; the connection is closed.
  case drop
  /// It is carried out; the connection is closed without an answer.
  case dropAnswer
  /// It is carried out; the answer ends in its middle.
  case truncate

  /// How the forge tells that there were too many calls. Until its end every call is refused.
  enum Limit: Sendable, Equatable {
    /// 429 with `Retry-After`.
    case retryAfter(Int64)
    /// 403 with `X-RateLimit-Remaining: 0` and the moment of the reset.
    case reset(Int64)
    /// 403 that says so in words alone; it ends after a minute.
    case secondary

    var seconds: Int64 {
      switch self {
      case .retryAfter(let seconds), .reset(let seconds): seconds
      case .secondary: 60
      }
    }
  }
}

/// Which calls an action is for.
struct FaultRule: Sendable, Equatable {
  /// Nil: any.
  var method: String?
  /// As in branch protection: `*` is anything but a slash, `**` anything.
  var path: String
  /// Not the first so many calls that fit.
  var skip = 0
  /// Then only so many; nil: all.
  var first: Int?
  /// Of those only one in so many, drawn from the seed.
  var oneIn = 1
  var action: FaultAction

  func fits(method: String, path: String) -> Bool {
    (self.method ?? method) == method && Glob.matches(path, self.path)
  }

  /// - Parameters:
  ///   - number: of the call among those that fit, from 0.
  ///   - draw: evenly spread over 64 bits.
  func isDue(number: Int, draw: UInt64) -> Bool {
    guard number >= skip, number - skip < first ?? .max else { return false }
    return draw % UInt64(oneIn) == 0
  }
}

/// The rules of a file.
package struct FaultRules: Sendable, Equatable {
  var seed: UInt64 = 0
  var rules: [FaultRule] = []

  /// No fault at all.
  package init() {}

  /// Why a text holds no rules.
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  /// - Throws: `Fault` that names the rule and the member, and says what to write.
  package init(parsing bytes: [UInt8]) throws(Fault) {
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes) } catch { throw Fault(description: "it is no JSON") }
    let object = try Members(json, place: "the file", known: ["seed", "rules"])
    seed = UInt64(try object.integer("seed", in: 0...Int.max) ?? 0)
    guard let items = object["rules"]?.arrayValue else {
      throw Fault(description: "write {\"rules\": [ … ]}")
    }
    for (index, item) in items.enumerated() {
      rules.append(try Self.rule(item, place: "rule \(index + 1)"))
    }
  }

  private static let members: Set<String> = [
    "call", "skip", "first", "one-in", "then", "for", "status", "body", "headers", "html",
    "retry-after", "reset",
  ]

  private static func rule(_ json: JSONValue, place: String) throws(Fault) -> FaultRule {
    let members = try Members(json, place: place, known: Self.members)
    let words = (members["call"]?.stringValue ?? "").split(separator: " ")
    guard words.count == 2, words[1].hasPrefix("/") || words[1].hasPrefix("*") else {
      throw Fault(description: "\(place): write \"call\": \"METHOD /PATH\", such as \"PUT **\"")
    }
    return FaultRule(
      method: words[0] == "*" ? nil : String(words[0]), path: String(words[1]),
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
        description: "\(members.place): write \"then\": one of slow, slow-body, limit, fail, "
          + "answer, drop, drop-answer, truncate")
    }
  }

  private static func answer(_ members: Members) throws(Fault) -> FaultAction {
    let status = try members.integer("status", in: 200...599) ?? 500
    var headers: [String: String] = [:]
    if let given = members["headers"] {
      guard case .object(let fields) = given else {
        throw Fault(description: "\(members.place): write \"headers\": {\"NAME\": \"VALUE\"}")
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

/// The members of one object, and where it stands.
private struct Members {
  let place: String
  private let members: [String: JSONValue]

  init(_ json: JSONValue, place: String, known: Set<String>) throws(FaultRules.Fault) {
    guard case .object(let members) = json else {
      throw FaultRules.Fault(description: "\(place): must be an object")
    }
    self.place = place
    self.members = members
    if let unknown = members.keys.sorted().first(where: { !known.contains($0) }) {
      throw FaultRules.Fault(
        description: "\(place): there is no \"\(unknown)\"; known are: "
          + known.sorted().joined(separator: ", "))
    }
  }

  subscript(name: String) -> JSONValue? { members[name] }

  func integer(_ name: String, in range: ClosedRange<Int>) throws(FaultRules.Fault) -> Int? {
    guard let value = members[name] else { return nil }
    guard let number = value.integerValue.map(Int.init), range.contains(number) else {
      throw FaultRules.Fault(
        description: "\(place): \"\(name)\": write a whole number from \(range.lowerBound) to "
          + "\(range.upperBound)")
    }
    return number
  }

  /// A span such as `300ms`, `2s` or `1m`.
  func duration(_ name: String) throws(FaultRules.Fault) -> Duration {
    let text = members[name]?.stringValue ?? ""
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let units = ["ms": 1, "s": 1000, "m": 60_000]
    guard let number = Int(digits), let unit = units[String(text.dropFirst(digits.count))],
      number <= 86_400_000
    else {
      throw FaultRules.Fault(
        description: "\(place): \"\(name)\": write a span such as \"300ms\", \"2s\" or \"1m\"")
    }
    return .milliseconds(number * unit)
  }
}
