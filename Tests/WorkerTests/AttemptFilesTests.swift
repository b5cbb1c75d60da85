import Testing

@testable import Worker

/// Names from the server become paths only if they stay in the worker's folder.
struct AttemptFilesTests {
  private let files = WorkerFiles(root: "/data")

  @Test(arguments: [
    "", ".", "..", "../x", "a/b", "/etc", "-x", "a b", "a\0", "ä",
    String(repeating: "a", count: 201),
  ])
  func namesThatAreNoPlainNamesHaveNoFolder(name: String) {
    #expect(files.attempt(AttemptKey(delegation: name, number: 1)) == nil)
    #expect(files.persistent(name, "o/r") == nil)
  }

  @Test func plainNamesHaveAFolderEach() {
    let key = AttemptKey(delegation: "PR17-x_y.z", number: 2)
    #expect(files.attempt(key)?.folder == "/data/attempts/PR17-x_y.z-2")
    #expect(files.attempt(AttemptKey(delegation: "a", number: -1)) == nil)
    #expect(files.repository("o/r")?.clone == "/data/repos/o/r.git")
    #expect(files.repository("../r") == nil)
  }
}
