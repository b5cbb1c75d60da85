// A prompt that is too long for an argument: the agent gets a short one that refers to a file.
//
// The file is in the working tree, because some agents read no others, and it is removed before the
// tree is read. Its name does not exist in the repository.

import Glibc
import Synchronization
import SystemCalls

final class LongPrompt: Sendable {
  private let path = Mutex<String?>(nil)

  /// Writes the prompt in the tree.
  /// - Returns: the prompt for the agent.
  func write(_ prompt: String, in tree: String) throws(FileFault) -> String {
    remove()
    for number in 1...1000 {
      let name = number == 1 ? "AIPM-PROMPT.md" : "AIPM-PROMPT-\(number).md"
      let file = "\(tree)/\(name)"
      if DurableFile.exists(file) { continue }
      // A link is not followed, and no existing file is overwritten.
      let opened = try OpenFile(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
      path.withLock { $0 = file }
      try opened.write(Array(prompt.utf8))
      return """
        Your task is in the file \(name) in the current directory, because it is too long for a \
        command line. Read all of that file first, from its first line to its last, then do what \
        it says. Do not change that file, and do not mention it: it is no part of the repository.
        """
    }
    throw FileFault(operation: "open", path: "\(tree)/AIPM-PROMPT.md", code: EEXIST)
  }

  func remove() {
    path.withLock { path in
      if let path { unlink(path) }
      path = nil
    }
  }
}
