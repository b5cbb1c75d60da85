/// A module in Python with its unittest.
enum PythonModule {
  static func files(for brief: Brief, in survey: Survey) -> [DemoAgent.File] {
    let folder = survey.folder
    let tests = survey.existing(["tests", "test"]) ?? folder
    return survey.files(brief.name) { name in
      [Survey.join(folder, "\(name.snake).py"), Survey.join(tests, "test_\(name.snake).py")]
    } contents: { name in
      [module(brief, name), test(brief, name, in: tests, of: folder)]
    }
  }

  private static func module(_ brief: Brief, _ name: Name) -> [String] {
    var lines = docstring(brief.paragraphs, indent: "")
    for criterion in brief.criteria {
      lines += ["", "", "def \(criterion.name.snake)(done):"]
      lines += docstring([criterion.text], indent: "    ")
      lines.append("    return done | {\"\(criterion.name.snake)\"}")
    }
    lines += [
      "", "", "def everything(done=frozenset()):",
      "    \"\"\"Every acceptance criterion, one after the other.\"\"\"",
    ]
    for criterion in brief.criteria { lines.append("    done = \(criterion.name.snake)(done)") }
    lines.append("    return done")
    return lines
  }

  private static func test(
    _ brief: Brief, _ name: Name, in tests: String, of folder: String
  ) -> [String] {
    let up = tests.split(separator: "/").map { _ in "\"..\"" }
    let down = folder.split(separator: "/").map { "\"\($0)\"" }
    let path = tests == folder ? [] : up + down
    let arguments = ["os.path.dirname(os.path.abspath(__file__))"] + path
    var lines = ["import os", "import sys", "import unittest", ""]
    lines.append("sys.path.insert(0, os.path.join(\(arguments.joined(separator: ", "))))")
    lines += ["", "import \(name.snake)", "", "", "class \(name.pascal)Test(unittest.TestCase):"]
    for (index, criterion) in brief.criteria.enumerated() {
      lines += [
        "    def test_\(criterion.name.snake)(self):",
        "        self.assertIn(\"\(criterion.name.snake)\", "
          + "\(name.snake).\(criterion.name.snake)(frozenset()))",
      ]
      if index < brief.criteria.count - 1 { lines.append("") }
    }
    lines += [
      "", "    def test_all_of_them(self):",
      "        self.assertEqual(len(\(name.snake).everything()), \(brief.criteria.count))", "",
      "",
      "if __name__ == \"__main__\":", "    unittest.main()",
    ]
    return lines
  }

  private static func docstring(_ paragraphs: [String], indent: String) -> [String] {
    var lines = PlainText.wrapped(
      paragraphs: paragraphs.map(escaped), prefix: indent, width: 76)
    lines[0] = indent + "\"\"\"" + lines[0].dropFirst(indent.count)
    if lines.count == 1, !lines[0].hasSuffix("\\\"") {
      lines[0] += "\"\"\""
    } else {
      lines.append(indent + "\"\"\"")
    }
    return lines
  }

  /// Escapes a text between `"""`.
  private static func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
  }
}

/// A page about the request, with a module in Python.
enum MarkdownPage {
  static func files(for brief: Brief, in survey: Survey) -> [DemoAgent.File] {
    let folder = survey.existing(["docs"]) ?? ""
    var lines = ["# \(inline(brief.objective))", ""]
    if !brief.constraints.isEmpty { lines += ["Constraints: \(inline(brief.constraints))", ""] }
    lines += ["What holds, and the function that stands for it:", ""]
    for criterion in brief.criteria {
      lines.append("- \(inline(criterion.text)): `\(criterion.name.snake)`")
    }
    let page = survey.files(brief.name) {
      [Survey.join(folder, "\($0.kebab).md")]
    } contents: { _ in
      [lines]
    }
    return page + PythonModule.files(for: brief, in: survey)
  }

  /// A text that Markdown does not read as HTML.
  private static func inline(_ text: String) -> String { text.replacing("<", with: "&lt;") }
}
