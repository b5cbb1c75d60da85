import EventLog
import Projections
import Synchronization
import SystemCalls

/// Writers that append to a store, each one event after the other.
struct StoreLoad {
  struct Outcome {
    /// Appends a second.
    var rate: Double
    /// Of the processor, for each append.
    var cpuUs: Double
    var p99Ms: Double
  }

  let writers: Int
  let quick: Bool

  /// Appends for some seconds, and closes the store.
  func run(on store: any RunningStore) async throws -> Outcome {
    let counts = Counts()
    let begin = ContinuousClock.now + (quick ? .zero : .milliseconds(500))
    let end = begin + (quick ? .seconds(1) : .seconds(3))
    let cpu = ProcessFigures.current.cpuSeconds
    let waits = try await withThrowingTaskGroup(of: [Double].self) { group in
      for _ in 0..<writers {
        group.addTask {
          var waits: [Double] = []
          while ContinuousClock.now < end {
            let tale = Tale(counts.tales.wrappingAdd(1, ordering: .relaxed).oldValue)
            try await tale.append(to: store) { started, ended in
              counts.written.wrappingAdd(1, ordering: .relaxed)
              if started >= begin, ended <= end {
                waits.append((ended - started) / .milliseconds(1))
              }
            }
          }
          return waits
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    let used = ProcessFigures.current.cpuSeconds - cpu
    await store.close()
    guard !waits.isEmpty else { throw BenchFault(description: "nothing was appended") }
    let written = counts.written.load(ordering: .relaxed)
    return Outcome(
      rate: Double(waits.count) / ((end - begin) / .seconds(1)),
      cpuUs: used * 1e6 / Double(written), p99Ms: percentile(99, of: waits))
  }
}
