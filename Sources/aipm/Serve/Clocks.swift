import Domain
import Engine
import Glibc

/// The machine's clocks.
struct SystemClock: EngineClock {
  func now() -> Moment {
    Moment(wall: Self.wall(), monotonic: Milliseconds(Self.read(CLOCK_MONOTONIC)))
  }

  func sleep(_ span: Milliseconds) async throws {
    try await Task.sleep(for: .milliseconds(span.count))
  }

  static func wall() -> Timestamp { Timestamp(milliseconds: read(CLOCK_REALTIME)) }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
