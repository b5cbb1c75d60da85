import Synchronization

/// The text of a statement that runs often. Its number is unique in the process, so that a
/// connection finds the prepared statement without comparing texts. Keep it in a static constant:
/// connections keep a place for each number.
package struct SQLText: Sendable {
  private static let count = Atomic<Int>(0)

  package let text: String
  let number: Int

  package init(_ text: String) {
    self.text = text
    number = Self.count.wrappingAdd(1, ordering: .relaxed).oldValue
  }
}
