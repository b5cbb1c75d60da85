import Testing

/// Every rule, applied to this package.
struct TidyTests {
  static let manifest = "Package.swift"
  /// Read once for all tests.
  private static let read = Result { try ThisPackage.swiftFiles() }

  let files: [SourceFile]
  let targets: [PackageRules.Target]

  init() throws {
    files = try Self.read.get()
    targets = PackageRules.targets(try ThisPackage.file(Self.manifest))
  }

  /// Records each finding as an issue of its own.
  private func expectNone(_ findings: [Finding]) {
    for finding in findings { Issue.record("\(finding)") }
  }

  @Test func thereIsSomethingToLookAt() {
    #expect(files.count > 50)
    #expect(targets.count > 15)
    #expect(targets.contains { $0.name == "Domain" && $0.dependencies == ["Text"] })
    #expect(SwitchRule.watchedCases(in: files).isSuperset(of: ["branchCreated", "pushed"]))
  }

  @Test func filesAreShort() { expectNone(files.flatMap(SourceRules.length)) }
  @Test func linesAreShort() { expectNone(files.flatMap(SourceRules.width)) }
  @Test func nothingBannedIsWritten() { expectNone(files.flatMap(SourceRules.banned)) }
  @Test func domainAndTextArePure() { expectNone(files.flatMap(SourceRules.isPure)) }
  @Test func programsDieWithTheirWorker() { expectNone(files.flatMap(SourceRules.diesWithWorker)) }
  @Test func whatOthersCallIsDocumented() { expectNone(files.flatMap(SourceRules.documented)) }

  @Test func commentsAndNamesArePlain() {
    let checked = files.filter(LanguageRules.applies)
    #expect(checked.count > 100)
    expectNone(checked.flatMap(LanguageRules.comments))
    expectNone(checked.flatMap(LanguageRules.names))
  }

  @Test func switchesOverOurOwnCasesListThemAll() {
    let watched = SwitchRule.watchedCases(in: files)
    expectNone(files.flatMap { SwitchRule.noDefault($0, watched: watched) })
  }

  @Test func modulesDependOnWhatStandsAboveThem() {
    expectNone(PackageRules.order(targets, manifest: Self.manifest))
  }

  @Test func importsFollowTheManifest() {
    expectNone(PackageRules.imports(files, targets: targets))
  }

  @Test func replayLinksNoEffects() {
    expectNone(
      PackageRules.isolation(
        targets, of: "aipm-replay", from: "Workflows", manifest: Self.manifest))
  }

  @Test func storesAreBehindTheirContracts() {
    expectNone(files.flatMap(PackageRules.storesAreBehindContracts))
    for path in PackageRules.storeChoices { #expect(files.contains { $0.path == path }) }
  }

  @Test func modulesOpenWithAnEssay() { expectNone(PackageRules.essays(files, targets: targets)) }

  @Test func thePageIsCarriedWhole() throws {
    let names = ThisPackage.files(below: PageRules.folder)
    #expect(names.count > 20)
    expectNone(PageRules.carried(try ThisPackage.file(PageRules.list), names: names))
  }

  @Test func thePageAsksForItsScriptsAtOnce() throws {
    let names = ThisPackage.files(below: PageRules.folder).filter { $0.hasSuffix(".js") }
    let modules = try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try ThisPackage.file("\(PageRules.folder)/\($0)")) })
    let index = try ThisPackage.file("\(PageRules.folder)/\(PageRules.index)")
    expectNone(PageRules.imported(modules))
    expectNone(PageRules.preloaded(index, modules: modules))
  }

  @Test func eachTypeNameMeansOneThing() {
    expectNone(SourceRules.uniqueTypeNames(files, exceptions: []))
  }

  @Test func theTopLevelIsBare() throws {
    expectNone(PackageRules.topLevel(try ThisPackage.names(in: "")))
  }
}
