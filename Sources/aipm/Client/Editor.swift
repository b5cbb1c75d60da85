import FoundationEssentials
import Glibc
import SystemCalls
import Terminal
import Text

/// Lets the user write a text in an editor.
struct Editor {
  /// Everything from this line on is not part of the text. git's own line is the same.
  private static let scissors = "------------------------ >8 ------------------------"

  /// The file with the text.
  let path: String
  private let folder: String

  /// Whether there is a terminal for an editor.
  static var isPossible: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 }

  /// Opens the editor on an empty text, and waits for its end.
  /// - Parameter notes: lines for the user, below the text.
  /// - Throws: `Failure` if there is no editor, or it failed.
  init(notes: [String]) throws {
    guard
      let program = Foreground(
        ["AIPM_EDITOR", "VISUAL", "EDITOR"], orElse: ["sensible-editor", "editor", "vi", "nano"])
    else {
      throw Failure(
        "there is no editor: set AIPM_EDITOR, VISUAL or EDITOR, or write the text as an argument",
        code: .usage)
    }
    var template = Array(
      (FileManager.default.temporaryDirectory.path + "/aipm.XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else {
      throw Failure("no temporary folder could be made: \(SystemWords.of(errno))")
    }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    path = folder + "/TASK.md"
    let text = "\n" + ([Self.scissors] + notes).joined(separator: "\n") + "\n"
    do {
      try text.write(toFile: path, atomically: false, encoding: .utf8)
      let code = try program.run([path])
      guard code == 0 else {
        throw Failure("the editor ended with \(code): nothing was submitted")
      }
    } catch {
      remove()
      throw error
    }
  }

  /// What the user wrote.
  /// - Throws: `Failure` if the file cannot be read.
  var text: String {
    get throws {
      let all: String
      do throws(TextFile.Fault) { all = try TextFile.read(path) } catch {
        throw Failure(error.description.safe())
      }
      let lines = all.split(separator: "\n", omittingEmptySubsequences: false)
      return lines.prefix { $0 != Self.scissors }.joined(separator: "\n").trimmed
    }
  }

  /// Removes the file.
  func remove() { try? FileManager.default.removeItem(atPath: folder) }
}

/// Reads a text that a user pipes in.
enum StandardInput {
  /// - Parameter max: the most bytes.
  /// - Throws: `Failure` if it cannot be read, or is longer.
  static func text(max: Int) throws -> String {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while all.count <= max {
      let count = read(STDIN_FILENO, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Failure("standard input cannot be read", code: .usage) }
      if count == 0 {
        guard let text = String(validating: all, as: UTF8.self) else {
          throw Failure("standard input is not UTF-8", code: .usage)
        }
        return text
      }
      all += chunk[..<count]
    }
    throw Failure("the text is over \(max) bytes: shorten it", code: .usage)
  }
}
