// The agent that AIPM carries itself, for the first try on a new machine, for demonstrations and
// for tests: a real process that reads a prompt and writes real source files, without any model.
//
// It reads the objective, the constraints and the acceptance criteria out of the prompt, looks
// which language most files of the working tree are in, and writes a module in that language with
// one documented function for each criterion, and a test of it. Where no language is known it
// writes Python and a page of Markdown.
//
// What it promises:
// - The same prompt and the same tree make the same files. There is no clock and no chance in it.
// - No file that exists is ever changed: a name that is taken gets a number.
// - Nothing that a prompt says becomes code or a path: identifiers and names of files are made of
//   ASCII letters and digits alone, and texts stand in comments with everything taken out that
//   could end one. A prompt of a megabyte, or of nothing, makes a small module too.
//
// How it fails: the pure part cannot. `run` says on standard error what it could not read or write,
// and ends with 1, or with 2 where it was given no prompt.

/// Turns prompts into files.
package enum DemoAgent {
  /// A file to be written.
  package struct File: Equatable, Sendable {
    /// From the working tree's root, with `/` between its parts.
    package let path: String
    package let contents: String
  }

  /// - Parameters:
  ///   - prompt: what an agent is told; of any form, best of the one that the workflows make.
  ///   - tree: the paths of all files in the working tree.
  ///   - read: the contents of one of these, for the few that say how the rest is written
  ///     (`package.json`, a neighbour in Go); nil where it cannot be read.
  /// - Returns: at least one file, none of them at a path of `tree`.
  package static func files(
    prompt: String, tree: [String], read: (String) -> String? = { _ in nil }
  ) -> [File] {
    let brief = Brief(prompt: prompt)
    let survey = Survey(tree: tree)
    return survey.language.files(for: brief, in: survey, read: read)
  }
}
