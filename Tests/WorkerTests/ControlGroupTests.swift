import Glibc
import Processes
import SystemCalls
import Testing

@testable import Worker

/// On the real hierarchy of version 2. What needs its memory controller runs where this user may
/// use it, as in a unit with `Delegate=memory`.
@Suite(.serialized)
struct ControlGroupTests {
  private static let groups = ControlGroups.prepared()

  /// Takes memory as a process, in steps that are written to.
  private static func eats(_ mebibytes: Int) -> Command {
    Command(
      "sh", ["-c", "read go; head -c \(mebibytes << 20) /dev/zero | tail > /dev/null; echo done"],
      input: .bytes(Array("go\n".utf8)), timeout: .seconds(60))
  }

  @Test(.enabled(if: groups != nil))
  func whatIsWithinTheLimitIsLeftAlone() async throws {
    let group = try #require(Self.groups).makeGroup(memoryBytesMax: 256 << 20)
    let result = try await Self.eats(8).run(onStart: { try? group.add($0) })
    #expect(result.outputText == "done\n")
    #expect(await group.end())
    #expect(group.excess == nil && access(group.folder, F_OK) != 0)
  }

  @Test(.enabled(if: groups != nil))
  func whatTakesMoreIsEndedWhole() async throws {
    let group = try #require(Self.groups).makeGroup(memoryBytesMax: 64 << 20)
    let result = try await Self.eats(256).run(onStart: { try? group.add($0) })
    #expect(result.exit == .signalled(SIGKILL) && result.outputText.isEmpty)
    #expect(await group.end())
    #expect(group.excess == "the agent had more than 64 MiB of memory")
  }

  @Test(.enabled(if: groups != nil))
  func whatIsLeftIsEndedWithTheGroup() async throws {
    let group = try #require(Self.groups).makeGroup(memoryBytesMax: 64 << 20)
    let ended = try await Command(
      "sh", ["-c", "read go; setsid sleep 1000 > /dev/null 2>&1 & echo $!"],
      input: .bytes(Array("go\n".utf8)), timeout: .seconds(60)
    ).run(onStart: { try? group.add($0) })
    let left = try #require(Int32(ended.outputText.prefix { $0 != "\n" }))
    #expect(kill(left, 0) == 0)
    #expect(await group.end())
    #expect(group.excess == nil)
  }

  /// Where there is no hierarchy of version 2, there is nothing to be found.
  @Test func theOwnGroupIsAFolderOfTheHierarchy() throws {
    guard let folder = ControlGroups.ownFolder() else { return }
    let members = try String(
      decoding: DurableFile.read("\(folder)/cgroup.procs", atMost: 1 << 20), as: UTF8.self)
    #expect(members.split(separator: "\n").contains("\(getpid())"))
  }
}
