/// A module in Swift, in the target with most files, and a test if the target has tests.
enum SwiftModule {
  static func files(for brief: Brief, in survey: Survey) -> [DemoAgent.File] {
    let parts = survey.folder.split(separator: "/")
    let target = parts.count > 1 && parts[0] == "Sources" ? String(parts[1]) : ""
    let tests = target.isEmpty ? nil : survey.existing(["Tests/\(target)Tests"])
    return survey.files(brief.name) { name in
      [Survey.join(survey.folder, "\(name.pascal).swift")]
        + (tests.map { ["\($0)/\(name.pascal)Tests.swift"] } ?? [])
    } contents: { name in
      [module(brief, name), test(brief, name, target: target)]
    }
  }

  private static func module(_ brief: Brief, _ name: Name) -> [String] {
    var lines = PlainText.wrapped(paragraphs: brief.paragraphs, prefix: "/// ")
    lines.append("enum \(name.pascal) {")
    for criterion in brief.criteria {
      lines += PlainText.wrapped(criterion.text, prefix: "  /// ")
      lines += [
        "  static func \(criterion.name.camel)(_ done: Set<String>) -> Set<String> {",
        "    done.union([\"\(criterion.name.camel)\"])", "  }", "",
      ]
    }
    lines += [
      "  /// Every acceptance criterion, one after the other.",
      "  static func everything(_ done: Set<String> = []) -> Set<String> {",
      "    var all = done",
    ]
    for criterion in brief.criteria { lines.append("    all = \(criterion.name.camel)(all)") }
    lines += ["    return all", "  }", "}"]
    return lines
  }

  private static func test(_ brief: Brief, _ name: Name, target: String) -> [String] {
    var lines = [
      "import Testing", "", "@testable import \(target)", "", "struct \(name.pascal)Tests {",
    ]
    for criterion in brief.criteria {
      lines += [
        "  @Test func \(criterion.name.camel)() {",
        "    #expect(\(name.pascal).\(criterion.name.camel)([])"
          + ".contains(\"\(criterion.name.camel)\"))",
        "  }", "",
      ]
    }
    lines += [
      "  @Test func allOfThem() {",
      "    #expect(\(name.pascal).everything().count == \(brief.criteria.count))", "  }", "}",
    ]
    return lines
  }
}

/// A file in the Go package with most files, and its test.
enum GoModule {
  static func files(
    for brief: Brief, in survey: Survey, read: (String) -> String?
  ) -> [DemoAgent.File] {
    let package = packageName(in: survey, read)
    return survey.files(brief.name) { name in
      ["", "_test"].map { Survey.join(survey.folder, "\(name.snake)_steps\($0).go") }
    } contents: { name in
      [module(brief, name, package), test(brief, name, package)]
    }
  }

  /// The package of a folder, from one of its files.
  private static func packageName(in survey: Survey, _ read: (String) -> String?) -> String {
    let neighbours = survey.files(in: survey.folder).filter {
      $0.hasSuffix(".go") && !$0.hasSuffix("_test.go")
    }
    for neighbour in neighbours {
      let lines = (read(neighbour) ?? "").split(whereSeparator: \.isNewline)
      if let line = lines.first(where: { $0.hasPrefix("package ") }) {
        let name = line.dropFirst("package ".count).prefix {
          $0.isLetter || $0.isNumber || $0 == "_"
        }
        if !name.isEmpty { return String(name) }
      }
    }
    return survey.folder.split(separator: "/").last.map {
      Name(of: String($0), wordsMax: 1, or: "main")
    }?
    .snake ?? "main"
  }

  private static func module(_ brief: Brief, _ name: Name, _ package: String) -> [String] {
    var lines = ["package \(package)", ""]
    for criterion in brief.criteria {
      let function = name.pascal + criterion.name.pascal
      lines += PlainText.wrapped("\(function): \(criterion.text)", prefix: "// ")
      lines += [
        "func \(function)(done map[string]bool) map[string]bool {",
        "\tall := map[string]bool{\"\(criterion.name.camel)\": true}",
        "\tfor name, holds := range done {", "\t\tall[name] = holds", "\t}", "\treturn all", "}",
        "",
      ]
    }
    var paragraphs = brief.paragraphs
    paragraphs[0] = "\(name.pascal)Everything: \(paragraphs[0])"
    lines += PlainText.wrapped(paragraphs: paragraphs, prefix: "// ")
    lines += [
      "func \(name.pascal)Everything() map[string]bool {", "\tall := map[string]bool{}",
    ]
    for criterion in brief.criteria {
      lines.append("\tall = \(name.pascal + criterion.name.pascal)(all)")
    }
    lines += ["\treturn all", "}"]
    return lines
  }

  private static func test(_ brief: Brief, _ name: Name, _ package: String) -> [String] {
    [
      "package \(package)", "", "import \"testing\"", "",
      "func Test\(name.pascal)Everything(t *testing.T) {",
      "\tif count := len(\(name.pascal)Everything()); count != \(brief.criteria.count) {",
      "\t\tt.Fatalf(\"%d criteria hold, not \(brief.criteria.count)\", count)", "\t}", "}",
    ]
  }
}

/// A module in Rust. Its test includes it by path, because declaring it would change a file.
enum RustModule {
  static func files(for brief: Brief, in survey: Survey) -> [DemoAgent.File] {
    let folder = survey.folder
    // Cargo finds tests beside `src`.
    let crate = Survey.parent(of: folder)
    let isCrate = folder.split(separator: "/").last == "src"
    let tests = Survey.join(crate, "tests")
    let hasTests = isCrate && survey.isFolder(tests)
    return survey.files(brief.name) { name in
      (hasTests ? [folder, tests] : [folder]).map { Survey.join($0, "\(name.snake).rs") }
    } contents: { name in
      [module(brief, name), test(brief, name)]
    }
  }

  private static func module(_ brief: Brief, _ name: Name) -> [String] {
    var lines = PlainText.wrapped(paragraphs: brief.paragraphs, prefix: "//! ")
    lines += ["", "use std::collections::BTreeSet;"]
    for criterion in brief.criteria {
      lines.append("")
      lines += PlainText.wrapped(criterion.text, prefix: "/// ")
      lines += [
        "pub fn \(criterion.name.snake)(mut done: BTreeSet<String>) -> BTreeSet<String> {",
        "    done.insert(\"\(criterion.name.snake)\".to_string());", "    done", "}",
      ]
    }
    lines += [
      "", "/// Every acceptance criterion, one after the other.",
      "pub fn everything() -> BTreeSet<String> {", "    let done = BTreeSet::new();",
    ]
    for criterion in brief.criteria {
      lines.append("    let done = \(criterion.name.snake)(done);")
    }
    lines += ["    done", "}"]
    return lines
  }

  private static func test(_ brief: Brief, _ name: Name) -> [String] {
    [
      "#[path = \"../src/\(name.snake).rs\"]", "mod subject;", "", "#[test]",
      "fn all_of_them() {",
      "    assert_eq!(subject::everything().len(), \(brief.criteria.count));", "}",
    ]
  }
}
