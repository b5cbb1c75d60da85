import Glibc
import Processes
import Synchronization
import Testing

@testable import Worker

/// The number of a process that one task starts and another looks at.
private final class ProcessNumber: Sendable {
  private let state = Mutex<Int32?>(nil)
  var value: Int32? { state.withLock { $0 } }
  func put(_ number: Int32) { state.withLock { $0 = number } }
}

/// What an agent has beyond its limits is seen while it runs, each limit by itself.
@Suite("What an agent takes", .timeLimit(.minutes(1))) struct ResourceWatchTests {
  /// Runs a script and watches it until something is over its limit.
  private func excess(
    _ script: String, disk: Int? = nil, processes: Int? = nil, memory: Int? = nil,
    in folder: String
  ) async throws -> String? {
    let number = ProcessNumber()
    let command = Command(
      "sh", ["-c", script], workingDirectory: folder, timeout: .seconds(120))
    let watch = ResourceWatch(
      folder: folder, diskBytesMax: disk, processesMax: processes, memoryBytesMax: memory)
    return await withTaskGroup(of: String?.self) { group in
      group.addTask {
        _ = try? await command.run(
          onStart: { number.put($0) }, onOutput: { _, _ in })
        return "it ended"
      }
      group.addTask { await watch.run { number.value } }
      defer { group.cancelAll() }
      return await group.next() ?? nil
    }
  }

  @Test("threads and processes, memory, disk: each is told with what it is and what it may be")
  func limits() async throws {
    let folder = try TemporaryFolder()
    let many = try await excess(
      "for i in 1 2 3 4 5 6 7 8; do sleep 100 & done; wait", processes: 6, in: folder.path)
    #expect(many?.contains("processes and threads at once, more than 6") == true, "\(many ?? "")")
    // tail keeps a line that does not end.
    let large = try await excess(
      "{ head -c 150000000 /dev/zero; sleep 100; } | tail", memory: 64 << 20, in: folder.path)
    #expect(large?.contains("MiB of memory, more than 64 MiB") == true, "\(large ?? "")")
    let full = try await excess(
      "head -c 30000000 /dev/zero > x; sleep 100", disk: 10 << 20, in: folder.path)
    #expect(full?.contains("MiB of disk, more than 10 MiB") == true, "\(full ?? "")")
  }

  @Test("of a disk that is nearly full, it may not take all", .enabled(if: geteuid() == 0))
  func smallDisk() async throws {
    let folder = try TemporaryFolder()
    let mounted = try await Command(
      "mount", ["-t", "tmpfs", "-o", "size=20m", "tmpfs", folder.path], timeout: .seconds(20)
    ).run()
    try #require(mounted.succeeded, "\(mounted.errorText)")
    defer { umount2(folder.path, Int32(MNT_DETACH)) }
    let full = try await excess(
      "head -c 19500000 /dev/zero > x; sleep 100", disk: 1 << 30, in: folder.path)
    #expect(full?.contains("MiB of disk, more than 18 MiB") == true, "\(full ?? "")")
  }
}
