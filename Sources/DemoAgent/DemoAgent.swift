// The built-in agent, for first trials, demonstrations and tests: a real process that reads a
// prompt and writes real source files, without a model.
//
// It reads the objective, the constraints and the acceptance criteria from the prompt, determines
// the language of most files in the working tree, and writes a module in that language: one
// documented function for each criterion, and a test. If no language is found, it writes Python and
// a page of Markdown.
//
// Guarantees:
// - The same prompt and the same tree give the same files: it has no clock and no randomness.
// - Existing files are never changed: a name that is taken gets a number.
// - No text of the prompt becomes code or a path: identifiers and file names consist of ASCII
//   letters and digits, and texts are in comments, without anything that could end the comment. A
//   huge or empty prompt gives a small module too.
//
// Failures: the pure part has none. `run` prints to standard error what it could not read or write,
// and exits with 1, or with 2 without a prompt.

/// Turns prompts into files.
package enum DemoAgent {
  /// A file to write.
  package struct File: Equatable, Sendable {
    /// From the working tree's root, with `/` between its parts.
    package let path: String
    package let contents: String
  }

  /// - Parameters:
  ///   - prompt: any text, best in the form that the workflows make.
  ///   - tree: the paths of all files in the working tree.
  ///   - read: the contents of a file, for the few that decide on the form of the module
  ///     (`package.json`, another file in Go); nil if it cannot be read.
  /// - Returns: at least one file, none of them at a path of `tree`.
  package static func files(
    prompt: String, tree: [String], read: (String) -> String? = { _ in nil }
  ) -> [File] {
    let brief = Brief(prompt: prompt)
    let survey = Survey(tree: tree)
    return survey.language.files(for: brief, in: survey, read: read)
  }
}
