import NetworkRules
import RawSockets
import Testing

@testable import Egress

/// Look-ups that hang: each one ends in its time, and not more wait than there is room for.
@Suite(.timeLimit(.minutes(1))) struct ResolverTests {
  /// A resolver that blocks until the test releases it.
  private final class Stuck: Sendable {
    let release = Gate()
    let begun = Counter()
    private let found = [IPAddress("192.0.2.1")].compactMap { $0 }

    func lookUp(_ name: String) -> [IPAddress] {
      begun.add()
      release.waitOnThread()
      return found
    }
  }

  @Test func aHangingLookUpTimesOut() async throws {
    let stuck = Stuck()
    let resolver = SystemResolver(
      threads: 1, timeout: .milliseconds(50), lookUp: { stuck.lookUp($0) })
    let name = try HostName("a.org")
    // It waits for an answer for ever, unless its time counts.
    #expect(await resolver.addresses(of: name) == [])
    // One that finds no thread free has the same time.
    #expect(await resolver.addresses(of: name) == [])
    #expect(stuck.begun.value == 1)
    stuck.release.open()
  }

  @Test func tooManyLookUpsAreRefused() async throws {
    let stuck = Stuck()
    let resolver = SystemResolver(
      threads: 2, timeout: .seconds(50), lookUp: { stuck.lookUp($0) })
    let name = try HostName("a.org")
    let waiting = (0..<SystemResolver.waitingMax).map { _ in
      Task { await resolver.addresses(of: name) }
    }
    #expect(try await eventually { resolver.waitingCount == SystemResolver.waitingMax })
    // At once: the others wait until they are released.
    #expect(await resolver.addresses(of: name) == [])
    stuck.release.open()
    for task in waiting { #expect(await task.value.count == 1) }
    // Their room is free again.
    #expect(await resolver.addresses(of: name).count == 1)
  }
}
