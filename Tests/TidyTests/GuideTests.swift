import Foundation
import Testing

/// The rules about the README and the guide, applied to them, and tried on bad samples.
struct GuideTests {
  private let readme: SourceFile
  private let pages: [SourceFile]

  init() throws {
    readme = try ThisPackage.file(GuideRules.readme)
    pages = try ThisPackage.names(in: GuideRules.folder).filter { $0.hasSuffix(".md") }
      .map { try ThisPackage.file("\(GuideRules.folder)/\($0)") }
  }

  private func expectNone(_ findings: [Finding]) {
    for finding in findings { Issue.record("\(finding)") }
  }

  private func page(_ name: String) throws -> SourceFile {
    try #require(pages.first { $0.path == "\(GuideRules.folder)/\(name)" })
  }

  private func page(of lines: String...) -> SourceFile {
    SourceFile(path: "a/b.md", text: lines.joined(separator: "\n"))
  }

  @Test func theReadmeIsShort() {
    expectNone(GuideRules.length(readme))
    let long = String(repeating: "x\n", count: GuideRules.readmeLinesMax)
    #expect(GuideRules.length(SourceFile(path: "R", text: long)).isEmpty)
    #expect(GuideRules.length(SourceFile(path: "R", text: long + "x\n")).count == 1)
  }

  @Test func theGuideOpensWithAGlossary() throws {
    expectNone(GuideRules.glossary(try page("AIPM.md")))
    func glossary(_ terms: [String], _ heading: String = "## Glossary") -> [Finding] {
      let rows = terms.map { "| \($0) | x |\n" }.joined()
      let text = "# A\n\(heading)\n| term | meaning |\n| --- | --- |\n\(rows)## B\n| z | z |\n"
      return GuideRules.glossary(SourceFile(path: "G", text: text))
    }
    #expect(glossary(["a", "B", "c"]).isEmpty)
    #expect(glossary(["b", "a"]).map(\.line) == [6])
    #expect(glossary(["a"], "## Pages").count == 1)
    #expect(glossary([]).count == 1)
    #expect(glossary((10...40).map { "t\($0)" }).count == 1)
    #expect(glossary((10..<40).map { "t\($0)" }).isEmpty)
  }

  @Test func theReadmeNamesEveryModuleInOrder() throws {
    let manifest = try ThisPackage.file(TidyTests.manifest)
    expectNone(GuideRules.modules(readme, targets: PackageRules.targets(manifest)))
    let targets = ["CCurl", "Cryptography", "Log", "tool"].map {
      PackageRules.Target(name: $0, dependencies: [], isTest: false, line: 1)
    }
    func findings(_ lines: String...) -> [String] {
      GuideRules.modules(
        SourceFile(path: "R", text: lines.joined(separator: "\n")), targets: targets
      ).map(\.message)
    }
    #expect(findings("| `Cryptography`, `Log` | x |", "| `tool` | x |") == [])
    #expect(
      findings("| `Cryptography` | x |", "| `tool` | x |") == ["does not name the module Log"])
    #expect(
      findings("| `Cryptography`, `Log`, `tool`, `Gone` | x |") == ["Gone is not a module"])
    #expect(
      findings("| `Log` | x |", "| `Cryptography`, `tool` | x |") == [
        "the modules are not in the manifest's order"
      ])
  }

  @Test func linksLeadToFiles() {
    for page in pages + [readme] {
      expectNone(
        GuideRules.links(page) {
          FileManager.default.fileExists(atPath: ThisPackage.root.appending(path: $0).path)
        })
    }
    let sample = page(of: "[a](c.md) [b](../d.md#x) [c](https://e.f) ![d](g.png) [h](#i)")
    #expect(
      GuideRules.links(sample) { $0 == "a/c.md" }.map(\.message) == [
        "there is no ../d.md", "there is no g.png",
      ])
  }

  @Test func everyPageIsLinked() throws {
    let names = pages.map(\.path)
    #expect(names.count > 10)
    expectNone(GuideRules.pages(names, from: readme))
    let others = names.filter { $0 != GuideRules.firstPage }.map {
      String($0.dropFirst(GuideRules.folder.count + 1))
    }
    expectNone(GuideRules.pages(others, from: try page("AIPM.md")))
    #expect(
      GuideRules.pages(["A.md", "B.md"], from: page(of: "[a](A.md)")).map(\.message) == [
        "does not link B.md"
      ])
  }

  @Test func theApiPageNamesEveryRoute() throws {
    let names = try ThisPackage.names(in: "Sources/Server/API").filter { $0.hasSuffix(".swift") }
    let server = try names.map { try ThisPackage.file("Sources/Server/API/\($0)") }
    expectNone(GuideRules.routes(try page("API.md"), server: server))
    let sample = SourceFile(
      path: "S",
      text: """
        path: "a/{ref}/b", id: "a",
        method: .post, path: "c/{position}", id: "c",
        method: .post, path: "d/\\(name)", id: "d",
        """)
    let right = page(of: "| `GET /a/REF/b` | x |", "| `POST /c/POSITION` | x |")
    #expect(GuideRules.routes(right, server: [sample]) == [])
    let wrong = page(of: "| `GET /a/REF/b` | x |", "| `GET /gone` | x |")
    #expect(
      GuideRules.routes(wrong, server: [sample]).map(\.message) == [
        "does not name POST /c/POSITION", "the server has no GET /gone",
      ])
  }

  @Test func everyEventIsExplained() throws {
    let names = try ThisPackage.file("Sources/Domain/EventNames.swift")
    expectNone(GuideRules.events(try page("Delegations.md"), names: names))
    let sample = SourceFile(
      path: "N", text: "case .a: \"worker.made-up\"\ncase .b: \"system.other\"")
    let table = page(of: "| `worker.made-up` | x |", "| `system.gone` | x |")
    #expect(
      GuideRules.events(table, names: sample).map(\.message) == [
        "does not name system.other", "there is no event system.gone",
      ])
  }

  @Test func nobodyHasToReadTwice() {
    for page in pages + [readme] { expectNone(GuideRules.language(page)) }
    #expect(GuideRules.language(page(of: "ok", "where It Stands in earnest")).count == 2)
  }
}
