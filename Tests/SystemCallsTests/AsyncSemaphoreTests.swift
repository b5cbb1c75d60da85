import Synchronization
import SystemCalls
import Testing

@Suite struct AsyncSemaphoreTests {
  /// Who was in a slot, and how many at once.
  private final class Register: Sendable {
    private let state = Mutex((now: 0, most: 0, order: [Int]()))
    var most: Int { state.withLock { $0.most } }
    var order: [Int] { state.withLock { $0.order } }

    func enter(_ number: Int) {
      state.withLock { state in
        state.now += 1
        state.most = max(state.most, state.now)
        state.order.append(number)
      }
    }

    func leave() { state.withLock { $0.now -= 1 } }
  }

  @Test func noMoreThanThatManyAtOnceAndAllComeToTheirTurn() async {
    let (slots, register) = (AsyncSemaphore(3), Register())
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<500 {
        group.addTask {
          await slots.withPermit {
            register.enter(number)
            await Task.yield()
            register.leave()
          }
        }
      }
    }
    #expect(register.most == 3)
    #expect(register.order.sorted() == Array(0..<500))
  }

  @Test func tasksRunInTheOrderOfArrival() async {
    let (slots, register) = (AsyncSemaphore(1), Register())
    let (held, hold) = AsyncStream<Void>.makeStream()
    let first = Task.immediate {
      await slots.withPermit {
        for await _ in held { break }
      }
    }
    // Immediate: each is queued before the next one begins.
    let others = (0..<20).map { number in
      Task.immediate { await slots.withPermit { register.enter(number) } }
    }
    #expect(register.order.isEmpty)
    hold.yield()
    await first.value
    for task in others { await task.value }
    #expect(register.order == Array(0..<20))
  }

  @Test func anErrorFreesTheSlot() async {
    struct Fault: Error {}
    let slots = AsyncSemaphore(1)
    for _ in 0..<3 {
      await #expect(throws: Fault.self) { try await slots.withPermit { throw Fault() } }
    }
    #expect(await slots.withPermit { 7 } == 7)
  }
}
