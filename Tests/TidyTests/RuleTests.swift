import Testing

/// Each rule finds what it is there to find, and leaves good code alone.
struct RuleTests {
  func file(_ text: String, _ path: String = "Sources/Domain/X.swift") -> SourceFile {
    SourceFile(path: path, text: text)
  }

  @Test func maskingKeepsCodeAndLines() {
    let text = ##"""
      let a = "x! \(f("y!")) z" // b!
      /* c! /* d! */ e! */ let f = #"g! \" \#(h!) "# + """
        i! "quoted" \(j!)
        """ + #/k!/#; l!
      """##
    let masked = MaskedSwift.mask(text)
    #expect(masked.utf8.count == text.utf8.count)
    #expect(masked.split(separator: "\n").count == text.split(separator: "\n").count)
    #expect(masked.filter { $0 == "!" }.count == 1)
    #expect(masked.contains("l!"))
    #expect(masked.contains("let f ="))
    #expect(MaskedSwift.mask("\"never closed\nlet a = 1").hasSuffix("let a = 1"))
    #expect(MaskedSwift.mask("\"a\\\\\"; b").hasSuffix("; b"))
  }

  @Test func longFilesAndLines() {
    let line = "let a = 1\n"
    #expect(SourceRules.length(file(String(repeating: line, count: 400))) == [])
    let long = SourceRules.length(file(String(repeating: line, count: 401)))
    #expect(long.map(\.line) == [401])
    #expect(SourceRules.width(file(String(repeating: "ä", count: 100))) == [])
    #expect(SourceRules.width(file("\n" + String(repeating: "x", count: 101))).map(\.line) == [2])
  }

  @Test(arguments: [
    "public struct A {}", "  public static func f() {}", "open class B {}", "public init() {}",
    "let a = try! f()", "let a = b as! C", "final class A: @unchecked Sendable {}", "f(a!)",
    "a!.b", "a[0]! + 1", "f()!", "var x: Int!", "fatalError(\"x\")",
    "preconditionFailure()", "let d = \"text\"!",
  ])
  func bannedIsFound(code: String) {
    #expect(SourceRules.banned(file("\n" + code)).map(\.line) == [2], "\(code)")
  }

  @Test(arguments: [
    "if !a { }", "a != b", "a!=b", "// public func f", "\"try! a!\"", "#if !os(Linux)",
    "package struct A {}", "f(!a)", "let isPublic = true", "case published", "a && !b",
    "@frozen public struct A {}", "@inlinable\npublic var a: Int { 1 }",
  ])
  func goodCodeIsLeftAlone(code: String) { #expect(SourceRules.banned(file(code)) == []) }

  @Test(arguments: [
    "import Foundation", "@preconcurrency import Glibc", "let t = Date()", "let n = clock.now",
    "let r = Int.random(in: 0..<2)", "func f() async {}", "Task { }", "let id = UUID()",
    "list.shuffled()", "h.hashValue",
  ])
  func impurityIsFound(code: String) {
    #expect(SourceRules.isPure(file(code)).map(\.line) == [1], "\(code)")
    #expect(SourceRules.isPure(file(code, "Sources/Engine/X.swift")) == [])
  }

  @Test func pureCodeIsLeftAlone() {
    #expect(
      SourceRules.isPure(
        file("package struct TaskText { let now: Timestamp } // Date, async\nlet a = \"UUID\""))
        == [])
  }

  @Test func aTypeNameThatIsDeclaredTwiceIsFound() {
    let files = [
      file("struct A {\n  struct C {}\n}\nenum B {}", "Sources/X/X.swift"),
      file("package final class A {}\nstruct C {}", "Sources/Y/Y.swift"),
      file("struct B {}", "Tests/X/X.swift"),
    ]
    let found = SourceRules.uniqueTypeNames(files, exceptions: [])
    #expect(found.map(\.file) == ["Sources/X/X.swift", "Sources/Y/Y.swift"])
    #expect(SourceRules.uniqueTypeNames(files, exceptions: ["A"]) == [])
    #expect(SourceRules.uniqueTypeNames(files, exceptions: ["A", "B"]).map(\.file) == ["Sources"])
  }

  @Test func whatOutlivesItsWorkerIsFound() {
    let worker = "Sources/Worker/X.swift"
    for code in [
      "var c = Command(\"git\", [])\nc.grace = .zero", "try await Git.run([\"init\"])",
      "try await Git.blobs(\n  blobs)", "run(Command(\"sh\"))",
    ] {
      #expect(SourceRules.diesWithWorker(file(code, worker)).map(\.line) == [1], "\(code)")
      #expect(SourceRules.diesWithWorker(file(code, "Sources/Mirrors/X.swift")) == [])
    }
    for code in [
      "var c = Command(\"git\")\nc.diesWithParent = true", "Command(\"bwrap\").resolved()",
      "Git.run(\n  words,\n  diesWithParent: dies)", "let c = AgentCommand(1)", "f.Command(2)",
    ] {
      #expect(SourceRules.diesWithWorker(file(code, worker)) == [], "\(code)")
    }
  }

  @Test func whatIsNotDocumentedIsFound() {
    let text = """
      /// A.
      package struct A {
        package func f() {}
        /// G.
        @discardableResult
        package static func g() -> Int { 1 }
        package init() {}
        package static func < (a: Self, b: Self) -> Bool { true }
        func inner() {}
      }
      // B, but not for readers elsewhere.
      package enum B {}
      """
    #expect(SourceRules.documented(file(text)).map(\.line) == [3, 12])
    #expect(SourceRules.documented(file(text, "Tests/X/X.swift")) == [])
    let headed = "// What A is.\n\npackage enum A {}\npackage enum B {}\n"
    #expect(SourceRules.documented(file(headed)).map(\.line) == [4])
    #expect(SourceRules.documented(file("\n" + headed)).map(\.line) == [4, 5])
  }

  @Test(arguments: [
    "/// Nil where absent.", "f() // Written anew.", "/// If there is\n/// none.",
    "let a = \"//\" // Whoever asks.", "  // As it was told.",
  ])
  func obscureCommentsAreFound(code: String) {
    #expect(LanguageRules.comments(file(code)).count == 1, "\(code)")
  }

  @Test(arguments: [
    "/// Nil if absent.", "// What is\nf()\n// none of it.", "let a = \"// hurt\"", "let told = 1",
    "// The lentils, untold.", "let a = 1 / 2",
  ])
  func plainCommentsAreLeftAlone(code: String) {
    #expect(LanguageRules.comments(file(code)) == [], "\(code)")
  }

  @Test func obscureNamesAreFound() {
    for code in ["struct FrontDoor {}", "let told: Int", "func isHurt() {}", "f(owes: 1)"] {
      #expect(LanguageRules.names(file(code)).count == 1, "\(code)")
    }
    for code in ["let doors = planes", "f(\"door\") // door", "let desktop = talent"] {
      #expect(LanguageRules.names(file(code)) == [], "\(code)")
    }
    #expect(LanguageRules.applies(to: file("", "Tests/EgressTests/X.swift")))
    #expect(LanguageRules.applies(to: file("", "Sources/Egress/X.swift")))
    #expect(!LanguageRules.applies(to: file("", "Tests/X/X.swift")))
  }

  let events = SourceFile(
    path: "Sources/Domain/E.swift",
    text: """
      package enum DelegationEvent {
        case requested(Requested), pushed(Pushed)
        case failed
        enum Inner { case other }
      }
      package enum Step { case a }
      """)

  @Test func watchedCasesAreRead() {
    #expect(SwitchRule.watchedCases(in: [events]) == ["requested", "pushed", "failed"])
  }

  @Test(arguments: [
    "switch event {\ncase .requested: 1\ndefault: 2\n}",
    "switch event {\ncase .requested(let a),\n  .pushed(let a): f { a }\ncase _: 2\n}",
    "switch (state, event) {\ncase (.requested, .pushed(let x)):\n  2\ndefault:\n  3\n}",
    "switch event {\ncase let .requested(a): 1\ncase let other: 2\n}",
    "f {\nswitch a {\ncase .b:\n  switch event {\n  case .failed: 1\n  default: 2\n  }\n}\n}",
  ])
  func defaultsOverOurCasesAreFound(code: String) {
    let found = SwitchRule.noDefault(file(code), watched: ["requested", "pushed", "failed"])
    #expect(found.count == 1, "\(code)")
  }

  @Test(arguments: [
    "switch event {\ncase .requested: 1\ncase .pushed, .failed: 2\n}",
    "switch text {\ncase \"requested\": 1\ndefault: 2\n}",
    "switch other {\ncase .requested: 1\ncase .elsewhere: 2\ndefault: 3\n}",
    "switch n {\ncase 1: switch event {\n  case .failed: 1\n  }\ndefault: 3\n}",
  ])
  func otherSwitchesAreLeftAlone(code: String) {
    #expect(
      SwitchRule.noDefault(file(code), watched: ["requested", "pushed", "failed"]) == [], "\(code)")
  }

  @Test func storesThatAreReachedDirectlyAreFound() {
    for (path, code) in [
      ("Sources/Server/X.swift", "import SQLiteEventStore"),
      ("Sources/aipm/X.swift", "import SQLite"),
      ("Sources/SQLiteEventStore/X.swift", "import PostgreSQL"),
      ("Sources/SQLiteEventStore/X.swift", "import PostgreSQLEventStore"),
      ("Sources/aipm/Serve/StoreAccess.swift", "@testable import SQLiteEventStore"),
    ] {
      #expect(PackageRules.storesAreBehindContracts(file(code, path)).map(\.line) == [1], "\(path)")
    }
    for (path, code) in [
      ("Sources/Stores/Stores.swift", "import SQLiteEventStore"),
      ("Sources/SQLiteEventStore/X.swift", "import SQLite"),
      ("Sources/PostgreSQLEventStore/X.swift", "import SQLiteEventStore"),
      ("Sources/EmbeddedForge/X.swift", "import SQLite"), ("Tests/X/X.swift", "import SQLite"),
      ("Sources/Server/X.swift", "import EventLog"),
    ] {
      #expect(PackageRules.storesAreBehindContracts(file(code, path)) == [], "\(path)")
    }
  }

  static let manifest = SourceFile(
    path: "Package.swift",
    text: """
      func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
        .target(name: name, dependencies: dependencies)
      }
      let package = Package(
        name: "aipm",
        products: [.executable(name: "tool", targets: ["tool"])],
        targets: [
          .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3"),
          module("Domain"),
          module("Log", ["Domain", crypto, .product(name: "M", package: "m")]),
          module(
            "Engine",
            [
              "Domain", "Log",
            ]),
          .executableTarget(name: "tool", dependencies: ["Log"], swiftSettings: strict),
          .executableTarget(name: "server", dependencies: ["Engine"], swiftSettings: strict),
          tests("LogTests", ["Log", "Domain"]),
          .target(name: "Kit", path: "Tests/Kit", swiftSettings: strict),
        ])
      """)
  let targets = PackageRules.targets(Self.manifest)

  @Test func manifestsAreRead() {
    #expect(
      targets.map(\.name) == [
        "CSQLite", "Domain", "Log", "Engine", "tool", "server", "LogTests", "Kit",
      ])
    #expect(targets[3].dependencies == ["Domain", "Log"])
    #expect(targets[2].dependencies == ["Domain"])
    #expect(targets.filter(\.isTest).map(\.name) == ["LogTests", "Kit"])
    #expect(targets[1].line == 9)
  }

  @Test func dependenciesOnWhatStandsBelowAreFound() {
    #expect(PackageRules.order(targets, manifest: "P") == [])
    let turned = Array(targets.reversed())
    #expect(!PackageRules.order(turned, manifest: "P").isEmpty)
  }

  @Test func importsAgainstTheArrowsAreFound() {
    let files = [
      file("import Log\nimport Foundation", "Sources/Domain/A.swift"),
      file("import Domain", "Sources/Log/A.swift"),
      file("import Kit", "Sources/Log/B.swift"),
      file("@testable import Engine", "Tests/LogTests/A.swift"),
    ]
    #expect(
      PackageRules.imports(files, targets: targets).map { "\($0.file):\($0.line)" } == [
        "Sources/Domain/A.swift:1", "Sources/Log/B.swift:1", "Tests/LogTests/A.swift:1",
      ])
  }

  @Test func effectsInReplayAreFound() {
    func findings(_ product: String) -> [Finding] {
      PackageRules.isolation(targets, of: product, from: "Engine", manifest: "P")
    }
    #expect(findings("tool") == [])
    #expect(findings("server").map(\.message) == ["server links Engine"])
    #expect(findings("gone").count == 1)
  }

  @Test func mainFilesWithoutAnEssayAreFound() {
    let essay = Array(repeating: "// Ten words are in this line of an essay here.", count: 6)
      .joined(separator: "\n")
    let files = [
      file("import X\n\n" + essay + "\nlet a = 1", "Sources/Domain/Domain.swift"),
      file("// Log.\n" + essay.dropFirst(200), "Sources/Log/Log.swift"),
      file(essay, "Sources/Engine/Other.swift"),
      file(essay, "Sources/tool/main.swift"), file(essay, "Sources/server/SERVER.swift"),
    ]
    #expect(
      PackageRules.essays(files, targets: targets).map(\.file) == [
        "Sources/Log/Log.swift", "Sources/Engine/Engine.swift",
      ])
  }

  @Test func strangersAtTheTopAreFound() {
    let names = [
      "Package.swift", "Sources", "Tests", "workflows", "tools", "README.md", ".git", ".ci",
      "Package.resolved",
    ]
    #expect(PackageRules.topLevel(names) == [])
    #expect(
      PackageRules.topLevel(names + ["docs", "Makefile"]).map(\.file) == ["Makefile", "docs"])
  }

  @Test func thePagesFilesAreComparedWithTheList() {
    let list = SourceFile(
      path: "web.c",
      text: """
        #embed "../WebUI/page/a.js"
        #embed "../WebUI/page/b.js"
        #embed "../WebUI/page/c.js"
        static const struct aipm_file files[] = {
            {"a.js", script, {a_js, sizeof a_js}},
            {"c.js", script, {c_js, sizeof c_js}},
        """)
    #expect(
      PageRules.carried(list, names: ["a.js", "b.js", "d.js"]).map(\.message) == [
        "b.js has no entry", "c.js is not in the folder", "d.js is not embedded",
      ])
  }

  @Test func thePagesImportsAreFollowed() {
    let index = SourceFile(
      path: "index.html",
      text: """
        <link rel="modulepreload" fetchpriority="low" href="shared/a.js">
        <link rel="modulepreload" fetchpriority="low" href="late/page.js">
        <script type="module" src="app.js"></script>
        """)
    let app = SourceFile(
      path: "app.js",
      text: """
        import { a } from "./shared/a.js";
        const late = () => import("./late/page.js");
        """)
    let a = SourceFile(path: "a.js", text: "import { b,\n  c } from \"./b.js\";")
    let late = SourceFile(
      path: "late/page.js", text: "import { gone } from \"../shared/gone.js\";")
    let modules = ["app.js": app, "shared/a.js": a, "late/page.js": late]
    #expect(
      PageRules.preloaded(index, modules: modules).map(\.message) == [
        "late/page.js is not needed by the first page", "preload shared/b.js",
      ])
    #expect(
      PageRules.imported(modules).map(\.message) == [
        "there is no shared/gone.js", "there is no shared/b.js",
      ])
  }
}
