import Screening
import Testing

/// A refused path is refused however it is written, and what only looks like it is not.
struct PathRulesTests {
  private static let rules = PathRules([
    ".github/workflows/", "CODEOWNERS", ".vscode/tasks.json", "straße/ä.txt",
  ])

  @Test(arguments: [
    ".github/workflows/x.yml", ".github/workflows", ".GitHub/WorkFlows/x.yml",
    ".github/workflows/\u{301}evil.yml", ".github/workflows/\u{200D}evil.yml",
    ".git\u{200C}hub/work\u{200D}flows/x", "\u{FEFF}.github/workflows/x",
    ".github./workflows /x", ".github::$INDEX_ALLOCATION/workflows/x",
    ".github/workflows:$I30:$INDEX_ALLOCATION/x", ".github\\workflows\\x.yml",
    "GITHUB~1/WORKFL~1/x.yml", ".github/wor\u{212A}flows/x", ".github/workflow\u{17F}/x",
    "codeowners", "CODEOWNERS.", ".VSCODE/tasks.json::$DATA", "straße/a\u{308}.txt",
  ])
  func pathsInTheSet(path: String) {
    #expect(Self.rules.contain(path.utf8))
  }

  @Test(arguments: [
    ".github", ".github/workflows-old/a", ".github/workflow/a", "x/.github/workflows/a",
    "docs/CODEOWNERS", ".vscode/settings.json", "CODEOWNERS.md", "github/workflows/x",
    ".github\u{301}/workflows/x", "strasse/ä.txt", "github~/workflows/x",
  ])
  func othersAreNot(path: String) {
    #expect(!Self.rules.contain(path.utf8))
  }

  @Test func invalidUTF8IsCompared() {
    #expect(Self.rules.contain(Array(".github/workflows/".utf8) + [0xff, 0xcc]))
    #expect(!Self.rules.contain([0xff] + Array(".github/workflows/x".utf8)))
    #expect(!Self.rules.contain([UInt8]()))
  }

  @Test func foldersOfPathsAreKnown() {
    #expect(Self.rules.areBelow(".GITHUB".utf8) && Self.rules.areBelow(".vscode".utf8))
    #expect(!Self.rules.areBelow(".github/workflows".utf8) && !Self.rules.areBelow("src".utf8))
  }

  @Test func flaggedPaths() {
    for path in ["AGENTS.md", ".cursor/rules/x.mdc", ".vscode/settings.json", ".GitAttributes"] {
      #expect(FlaggedPaths.contain(path.utf8), "\(path)")
    }
    for path in ["README.md", "Makefile", "package.json", "src/AGENTS.swift"] {
      #expect(!FlaggedPaths.contain(path.utf8), "\(path)")
    }
    #expect(FlaggedPaths.shown(Array(repeating: 97, count: 300)).utf8.count < 210)
  }
}
