import Glibc
import Terminal
import Text

/// A question before something is lost.
enum Confirmation {
  /// Asks on the terminal, and returns where the answer is yes.
  /// - Parameter flag: what takes the place of the question.
  /// - Throws: `Failure` where the answer is another, and where nobody can be asked.
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
