import Processes
import Testing
import WorkerProtocol

@testable import Worker

extension WorkspaceTests {
  @Test("ten thousand files of a known repository are checked out in the time that there is")
  func tenThousandFiles() async throws {
    let bench = try await Bench()
    var files: [String: String] = [:]
    for number in 0..<10_000 { files["d\(number % 100)/f\(number)"] = "file \(number)\n" }
    let head = try await bench.repository.commit(files)
    let clock = ContinuousClock()
    try await bench.with { workspace in
      for (delegation, isKnown, removesTree) in [
        ("d1", false, false), ("d2", true, false), ("d3", true, true),
      ] {
        let repository = try #require(workspace.files.repository("o/r"))
        if removesTree { try await workspace.trash.take([repository.slot]) }
        let assignment = Assignment.sample(delegation: delegation, head: head)
        let began = clock.now
        try await workspace.checkOut(assignment)
        let took = clock.now - began
        let tree = removesTree ? "new" : "kept"
        print("10,000 files, \(isKnown ? "known" : "new"), tree \(tree): \(took)")
        // A second on an idle machine; tests share theirs.
        #expect(took < .seconds(isKnown ? 10 : 30))
        await workspace.drop(AttemptKey(assignment.lease), repository: "o/r")
      }
    }
  }
}
