/// A module in Python with its unittest.
enum PythonModule {
  static func files(for brief: Brief, in survey: Survey) -> [DemoAgent.File] {
    let folder = survey.folder
    let tests = survey.existing(["tests", "test"]) ?? folder
    let name = survey.free(brief.name) { paths($0, folder, tests) }
    let targets = paths(name, folder, tests)
    return [
      DemoAgent.File(path: targets[0], contents: module(brief, name)),
      DemoAgent.File(path: targets[1], contents: test(brief, name, path: targets)),
    ]
  }

  private static func paths(_ name: Name, _ folder: String, _ tests: String) -> [String] {
    [Survey.join(folder, "\(name.snake).py"), Survey.join(tests, "test_\(name.snake).py")]
  }

  private static func module(_ brief: Brief, _ name: Name) -> String {
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
    return lines.joined(separator: "\n") + "\n"
  }

  private static func test(_ brief: Brief, _ name: Name, path targets: [String]) -> String {
    let isNeighbour = Survey.parent(of: targets[0]) == Survey.parent(of: targets[1])
    let up = Survey.parent(of: targets[1]).split(separator: "/").map { _ in "\"..\", " }.joined()
    let folder = Survey.parent(of: targets[0]).split(separator: "/").map { "\"\($0)\"" }
    let path = isNeighbour ? "" : up + folder.joined(separator: ", ")
    let directory = path.hasSuffix(", ") ? String(path.dropLast(2)) : path
    var lines = ["import os", "import sys", "import unittest", ""]
    lines.append(
      "sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__))"
        + (directory.isEmpty ? "))" : ", \(directory)))"))
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
    return lines.joined(separator: "\n") + "\n"
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
    let name = survey.free(brief.name) { [Survey.join(folder, "\($0.kebab).md")] }
    var lines = ["# \(inline(brief.objective))", ""]
    if !brief.constraints.isEmpty { lines += ["Constraints: \(inline(brief.constraints))", ""] }
    lines += ["What holds, and the function that stands for it:", ""]
    for criterion in brief.criteria {
      lines.append("- \(inline(criterion.text)): `\(criterion.name.snake)`")
    }
    let page = DemoAgent.File(
      path: Survey.join(folder, "\(name.kebab).md"),
      contents: lines.joined(separator: "\n") + "\n")
    return [page] + PythonModule.files(for: brief, in: survey)
  }

  /// A text that Markdown does not read as HTML.
  private static func inline(_ text: String) -> String { text.replacing("<", with: "&lt;") }
}
