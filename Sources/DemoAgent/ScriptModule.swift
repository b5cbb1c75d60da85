/// A module in JavaScript or TypeScript with a test for Node's own runner.
struct ScriptModule {
  private let isTyped: Bool
  private let survey: Survey
  private let folder: String
  /// Without the dot.
  private let ending: String
  /// Uses `import` and `export` instead of `require`.
  private let isECMA: Bool

  init(isTyped: Bool, _ survey: Survey, _ read: (String) -> String?) {
    self.isTyped = isTyped
    self.survey = survey
    folder = survey.folder
    let neighbours = survey.files(in: survey.folder)
    func most(_ endings: [String]) -> String {
      let counts = endings.map { ending in
        (ending: ending, count: neighbours.count { $0.hasSuffix("." + ending) })
      }
      return counts.filter { $0.count > 0 }.max { $0.count < $1.count }?.ending ?? endings[0]
    }
    ending = isTyped ? most(["ts", "mts", "cts"]) : most(["js", "mjs", "cjs"])
    let manifest = read("package.json") ?? ""
    let isModule = manifest.filter { !$0.isWhitespace }.contains("\"type\":\"module\"")
    isECMA = isTyped || ending == "mjs" || (ending == "js" && isModule)
  }

  func files(for brief: Brief) -> [DemoAgent.File] {
    let tests = survey.existing(["test", "tests", "__tests__"]) ?? folder
    return survey.files(brief.name) { name in
      [
        Survey.join(folder, "\(name.kebab).\(ending)"),
        Survey.join(tests, "\(name.kebab).test.\(ending)"),
      ]
    } contents: { name in
      [module(brief, name), test(brief, name, tests: tests)]
    }
  }

  private func module(_ brief: Brief, _ name: Name) -> [String] {
    let parameter = isTyped ? "done: ReadonlySet<string>" : "done"
    let result = isTyped ? ": Set<string>" : ""
    let export = isECMA ? "export " : ""
    var lines = isECMA ? [] : ["\"use strict\";", ""]
    lines += comment(brief.paragraphs)
    for criterion in brief.criteria {
      lines.append("")
      lines += comment([criterion.text])
      lines += [
        "\(export)function \(criterion.name.camel)(\(parameter))\(result) {",
        "  return new Set([...done, \"\(criterion.name.camel)\"]);", "}",
      ]
    }
    lines.append("")
    lines += comment(["Every acceptance criterion, one after the other."])
    lines.append("\(export)function everything(\(parameter) = new Set())\(result) {")
    lines.append("  let all = new Set(done);")
    for criterion in brief.criteria { lines.append("  all = \(criterion.name.camel)(all);") }
    lines += ["  return all;", "}"]
    if !isECMA {
      lines += ["", "module.exports = {"]
      for criterion in brief.criteria { lines.append("  \(criterion.name.camel),") }
      lines += ["  everything,", "};"]
    }
    return lines
  }

  private func test(_ brief: Brief, _ name: Name, tests: String) -> [String] {
    let up = tests.split(separator: "/").map { _ in "../" }.joined()
    let relative = tests == folder ? "./" : up + (folder.isEmpty ? "" : folder + "/")
    // Node resolves what the compiler emits.
    let emitted = isTyped ? ending.replacing("ts", with: "js") : ending
    let path = "\(relative.isEmpty ? "./" : relative)\(name.kebab).\(emitted)"
    var lines: [String]
    if isECMA {
      lines = [
        "import test from \"node:test\";", "import assert from \"node:assert\";",
        "import * as subject from \"\(path)\";",
      ]
    } else {
      lines = [
        "\"use strict\";", "", "const test = require(\"node:test\");",
        "const assert = require(\"node:assert\");", "const subject = require(\"\(path)\");",
      ]
    }
    for criterion in brief.criteria {
      lines += [
        "", "test(\"\(criterion.name.words.joined(separator: " "))\", () => {",
        "  assert.ok(subject.\(criterion.name.camel)(new Set()).has(\"\(criterion.name.camel)\"));",
        "});",
      ]
    }
    lines += [
      "", "test(\"all of them\", () => {",
      "  assert.strictEqual(subject.everything().size, \(brief.criteria.count));", "});",
    ]
    return lines
  }

  private func comment(_ paragraphs: [String]) -> [String] {
    let lines = PlainText.wrapped(paragraphs: paragraphs.map(safe), prefix: " * ")
    if lines.count == 1 { return ["/** " + lines[0].dropFirst(3) + " */"] }
    return ["/**"] + lines + [" */"]
  }

  /// Removes the end of a comment.
  private func safe(_ text: String) -> String { text.replacing("*/", with: "* /") }
}
