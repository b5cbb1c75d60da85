// Who may do what: roles, what each permits, and the repositories that it holds for.
//
// What it promises: a decision follows from the values alone, without a clock, a file or a request.
// What no role permits is refused: a permission that nobody thought of is nobody's.
//
// How it fails: it doesn't. A refusal says which role would permit it.

import Domain

/// What a token, or a person who signed in, is trusted with.
package enum Role: String, CaseIterable, Codable, Sendable {
  /// Submits delegations, and sees and ends its own.
  case submit
  /// Sees everything, and changes nothing.
  case support
  /// Support, which also cancels, retries and manages workers.
  case `operator`
  /// Everything, tokens and redactions included.
  case admin
  /// Speaks the worker protocol, and can do nothing else.
  case worker

  /// The permissions of the role.
  package var permissions: Set<Permission> {
    switch self {
    case .submit: [.read, .submit, .changeOwn]
    case .support: [.read, .readLog]
    case .operator: [.read, .readLog, .changeOwn, .changeAll, .manageWorkers]
    case .admin:
      [.read, .readLog, .submit, .changeOwn, .changeAll, .manageWorkers, .administer]
    case .worker: [.work]
    }
  }

  /// What it is good for, in a few words.
  package var summary: String {
    switch self {
    case .submit: "submits, and cancels, retries and follows up its own"
    case .support: "reads everything: delegations, the log, audit, exports"
    case .operator: "support, and cancels and retries all, and manages workers"
    case .admin: "everything, also tokens, redaction and rebuilds"
    case .worker: "the worker protocol, and nothing else"
    }
  }
}

/// What a request needs. Each route of the API names one.
package enum Permission: String, CaseIterable, Sendable {
  /// See delegations and pull requests of permitted repositories, agents and workflows.
  case read
  /// Submit to a permitted repository.
  case submit
  /// Cancel, retry or follow up a delegation that one requested.
  case changeOwn = "change-own"
  /// The same with everybody's.
  case changeAll = "change-all"
  /// See what isn't kept apart by repository: the log, audit, exports, workers, figures.
  case readLog = "read-log"
  /// Drain and restart workers.
  case manageWorkers = "manage-workers"
  /// Redact, rebuild, and manage tokens.
  case administer
  /// Speak the worker protocol.
  case work

  /// Whether it holds for single repositories. The others see or change what belongs to all of
  /// them, so who is limited to some repositories doesn't have them.
  package var isLimitedByRepository: Bool {
    switch self {
    case .read, .submit, .changeOwn, .changeAll: true
    case .readLog, .manageWorkers, .administer, .work: false
    }
  }
}

/// Some repositories: a name in which each `*` stands for any characters, slashes included.
package struct RepositoryPattern: Hashable, Sendable, CustomStringConvertible {
  /// The parts between the asterisks.
  private let parts: [[UInt8]]
  package let description: String

  /// The largest pattern, in bytes.
  package static let bytesMax = 200

  /// - Parameter text: such as `acme/tools`, `acme/*` or `*/docs`.
  /// - Returns: nil if it cannot match any repository's name.
  package init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard (1...Self.bytesMax).contains(bytes.count),
      bytes.allSatisfy(Self.isAllowed),
      text == "*" || bytes.contains(UInt8(ascii: "/"))
    else { return nil }
    description = text
    // As on GitHub, upper and lower case are the same name.
    parts = bytes.map(Self.lowercased).split(
      separator: UInt8(ascii: "*"), omittingEmptySubsequences: false
    ).map { Array($0) }
  }

  /// Whether the repository is one of them.
  package func matches(_ repository: RepositoryName) -> Bool { matches("\(repository)") }

  func matches(_ name: String) -> Bool {
    let name = name.utf8.map(Self.lowercased)
    guard let first = parts.first, let last = parts.last, name.starts(with: first) else {
      return false
    }
    if parts.count == 1 { return name.count == first.count }
    var rest = name[first.count...]
    // The shortest match of each part leaves the most to the others.
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      guard let found = rest.firstIndex(of: part) else { return false }
      rest = rest[(found + part.count)...]
    }
    return rest.count >= last.count && rest.suffix(last.count).elementsEqual(last)
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
      UInt8(ascii: "_"), UInt8(ascii: "/"), UInt8(ascii: "*"):
      true
    case _: false
    }
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }
}

extension ArraySlice<UInt8> {
  fileprivate func firstIndex(of part: [UInt8]) -> Int? {
    guard count >= part.count else { return nil }
    return (startIndex...(endIndex - part.count)).first {
      self[$0..<($0 + part.count)].elementsEqual(part)
    }
  }
}
