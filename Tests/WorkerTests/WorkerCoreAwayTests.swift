import Testing
import WorkerProtocol

@testable import Worker

/// The worker while its server is away, and when it comes back.
@Suite("Worker without its server") struct WorkerCoreAwayTests {
  private typealias Life = CoreLife

  @Test("a server of this machine that is away is looked for often, another's is not")
  func away() {
    func waits(local: Bool) -> [Duration] {
      var life = Life.registered(local: local)
      return (0..<8).map { _ in
        life.answer(.session, .unreachable("gone"))
        let begun = life.now
        while life.request(.session) == nil { life.wake() }
        return life.now - begun
      }
    }
    #expect(waits(local: true).allSatisfy { $0 <= .milliseconds(200) })
    #expect(waits(local: false).last.map { $0 >= .milliseconds(1500) } ?? false)
  }

  @Test("what waited for a server that was away goes out as soon as it is back")
  func back() {
    var life = Life.committed()
    for _ in 0..<8 {
      life.answer(.handIn, .unreachable("gone"))
      while life.request(.handIn) == nil { life.wake() }
    }
    life.answer(.handIn, .unreachable("gone"))
    #expect(life.request(.handIn) == nil)
    life.desire(life.core.attempt?.assignment)
    #expect(life.request(.handIn) != nil)
  }
}
