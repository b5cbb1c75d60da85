import Testing

@testable import Workflows

@Suite struct BudgetTests {
  @Test func amountsAreRead() {
    for (text, value) in [
      ("5", 5_000_000), ("0.25", 250_000), ("0.000001", 1), ("1000000", 1_000_000_000_000),
      ("200.50", 200_500_000),
    ] as [(String, Int64)] {
      #expect(Budget.microdollars(text) == value, "\(text)")
    }
    for text in ["", ".5", "5.", "-1", "1e3", "$5", "1.2.3", "0.0000001", "1000000.1", "12345678"] {
      #expect(Budget.microdollars(text) == nil, "\(text)")
    }
  }

  @Test func amountsAreShown() {
    for (value, text) in [
      (1_500_000, "$1.50"), (2_000_000, "$2.00"), (1, "$0.000001"), (12_500, "$0.0125"),
      (0, "$0.00"),
    ] as [(Int64, String)] {
      #expect(Budget.dollars(value) == text)
    }
  }

  @Test func theStricterCounts() throws {
    let a = Budget(delegation: 5, requesterPerMonth: 7)
    let b = Budget(delegation: 3, repositoryPerMonth: 9)
    let both = a.limited(by: b)
    #expect(both == Budget(delegation: 3, requesterPerMonth: 7, repositoryPerMonth: 9))
    #expect(try both.left(own: 1, month: MonthCost(requester: 1, repository: 8)) == 1)
    #expect(try both.left(own: 0, month: MonthCost()) == 3)
    #expect(try Budget().left(own: 1 << 40, month: MonthCost()) == nil)
    #expect(throws: BudgetSpent.self) { try both.left(own: 3, month: MonthCost()) }
    #expect(throws: BudgetSpent.self) { try both.left(own: 0, month: MonthCost(requester: 7)) }
    #expect(throws: BudgetSpent.self) { try both.left(own: 0, month: MonthCost(repository: 9)) }
  }
}
