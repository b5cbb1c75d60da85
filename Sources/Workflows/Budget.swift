// What the agents of delegations may cost. An agent's cost is what it reported; what it did not
// report is unknown, and is not counted.

import Domain

/// Limits of cost, in millionths of a US dollar; nil for no limit.
package struct Budget: Equatable, Sendable {
  /// Of all attempts of one delegation.
  package var delegation: Int64?
  /// Of the delegations of one requester, and of one repository, in a calendar month in UTC.
  package var requesterPerMonth: Int64?
  package var repositoryPerMonth: Int64?

  package init(
    delegation: Int64? = nil, requesterPerMonth: Int64? = nil, repositoryPerMonth: Int64? = nil
  ) {
    self.delegation = delegation
    self.requesterPerMonth = requesterPerMonth
    self.repositoryPerMonth = repositoryPerMonth
  }

  /// The largest budget: a million dollars.
  package static let most: Int64 = 1_000_000_000_000

  /// Whether it depends on other delegations.
  package var looksAtMonths: Bool { requesterPerMonth != nil || repositoryPerMonth != nil }

  /// The stricter of both limits each.
  package func limited(by other: Budget) -> Budget {
    func least(_ a: Int64?, _ b: Int64?) -> Int64? { [a, b].compactMap(\.self).min() }
    return Budget(
      delegation: least(delegation, other.delegation),
      requesterPerMonth: least(requesterPerMonth, other.requesterPerMonth),
      repositoryPerMonth: least(repositoryPerMonth, other.repositoryPerMonth))
  }

  /// What the next attempt may cost.
  /// - Parameters:
  ///   - own: the cost of the delegation so far.
  ///   - month: the cost of this month.
  /// - Returns: nil for no limit.
  /// - Throws: `BudgetSpent` if nothing is left.
  package func left(own: Int64, month: MonthCost) throws(BudgetSpent) -> Int64? {
    let parts: [(limit: Int64?, spent: Int64, of: String)] = [
      (delegation, own, "this delegation"),
      (requesterPerMonth, month.requester, "this month's delegations of its requester"),
      (repositoryPerMonth, month.repository, "this month's delegations of its repository"),
    ]
    var left: Int64?
    for part in parts {
      guard let limit = part.limit else { continue }
      guard part.spent < limit else {
        throw BudgetSpent(
          message: "\(part.of) cost \(Self.dollars(part.spent)); the budget is "
            + Self.dollars(limit))
      }
      left = min(left ?? .max, limit - part.spent)
    }
    return left
  }

  /// An amount for people: `$1.50`, and more digits below a cent.
  package static func dollars(_ microdollars: Int64) -> String {
    let digits = String(microdollars % 1_000_000)
    var rest = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    while rest.count > 2, rest.hasSuffix("0") { rest.removeLast() }
    return "$\(microdollars / 1_000_000).\(rest)"
  }

  /// `5`, `0.25` in millionths of a dollar; nil if the text is invalid.
  package static func microdollars(_ text: String) -> Int64? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), let whole = digits(parts[0]), parts[0].utf8.count <= 7
    else { return nil }
    var value = whole * 1_000_000
    if parts.count == 2 {
      guard parts[1].utf8.count <= 6, let part = digits(parts[1]) else { return nil }
      value += (0..<(6 - parts[1].utf8.count)).reduce(part) { value, _ in value * 10 }
    }
    return value <= most ? value : nil
  }

  private static func digits(_ text: Substring) -> Int64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return Int64(text)
  }

  /// What to write, for messages.
  package static let form = "write US dollars: 5, or 0.25"
}

/// The cost of a calendar month so far, in millionths of a US dollar.
package struct MonthCost: Equatable, Sendable {
  package var requester: Int64
  package var repository: Int64
  package init(requester: Int64 = 0, repository: Int64 = 0) {
    self.requester = requester
    self.repository = repository
  }
}

/// The costs of a calendar month so far, by requester and by repository.
package struct MonthCosts: Equatable, Sendable {
  private var requesters: [String: Int64] = [:]
  private var repositories: [String: Int64] = [:]

  package init() {}

  /// Adds a cost in millionths of a US dollar. No cost can overflow a sum.
  /// - Parameter repository: `OWNER/NAME`; the case of its letters does not matter.
  package mutating func add(_ cost: Int64, requester: String, repository: String) {
    func sum(_ a: Int64?) -> Int64 {
      let (sum, isTooLarge) = (a ?? 0).addingReportingOverflow(cost)
      return isTooLarge ? .max : sum
    }
    requesters[requester] = sum(requesters[requester])
    let name = repository.lowercased()
    repositories[name] = sum(repositories[name])
  }

  /// The costs of a requester and of a repository; 0 if nothing is known.
  package func of(requester: String, repository: RepositoryName) -> MonthCost {
    MonthCost(
      requester: requesters[requester] ?? 0,
      repository: repositories[repository.description.lowercased()] ?? 0)
  }
}

/// A budget is used up.
package struct BudgetSpent: Error, Equatable, Sendable {
  package var message: String
}

extension DefinitionReader {
  /// The value of the key `budget`.
  mutating func budget(_ all: Fields) -> Budget {
    var budget = Budget()
    let keys = ["delegation", "requester-per-month", "repository-per-month"]
    guard let fields = fields(all["budget"], keys: keys) else { return budget }
    budget.delegation = dollars(fields["delegation"])
    budget.requesterPerMonth = dollars(fields["requester-per-month"])
    budget.repositoryPerMonth = dollars(fields["repository-per-month"])
    return budget
  }

  private mutating func dollars(_ field: Field?) -> Int64? {
    scalar(
      field, in: 1...Budget.most, "an amount of US dollars", Budget.microdollars,
      form: Budget.form, bounds: "write an amount up to 1000000")
  }
}
