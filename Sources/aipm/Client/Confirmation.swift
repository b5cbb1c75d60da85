import Glibc
import Terminal
import Text

/// A question before data is lost.
enum Confirmation {
  /// Asks on the terminal, and returns if the answer is yes.
  /// - Parameter flag: replaces the question.
  /// - Throws: `Failure` if the answer is another one, or there is no terminal.
  static func ask(_ question: String, flag: String) throws {
    guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else {
      throw Failure(
        "\(question.safe()) There is no terminal to answer on: add \(flag) to do it.", code: .usage)
    }
    Terminal.complain("aipm: \(question.safe()) Write yes to go on:")
    let answer = (readLine(strippingNewline: true) ?? "").trimmedEnd.lowercased()
    guard ["y", "yes"].contains(answer) else { throw Failure("nothing was changed") }
  }
}
