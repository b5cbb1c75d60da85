import FoundationEssentials
import Glibc
import Logging
import Synchronization

/// The current rules, how often each has matched, and the wait that the forge requested.
final class FaultPlan: Sendable {
  private struct State {
    var rules = FaultRules()
    var counts: [Int] = []
    /// The end of the requested wait, in seconds since 1970.
    var limitedUntil: Double = 0
    var limit = FaultAction.Limit.secondary
    var callsInsideWaits = 0
    /// The file's size and modification time when it was last read.
    var stamp: FileStamp?

    mutating func take(_ rules: FaultRules, _ stamp: FileStamp?) {
      self.rules = rules
      self.stamp = stamp
      counts = Array(repeating: 0, count: rules.rules.count)
    }

    mutating func next(_ method: String, _ path: String) -> FaultAction? {
      for (index, rule) in rules.rules.enumerated() where rule.matches(method: method, path: path) {
        let number = counts[index]
        counts[index] += 1
        let draw = Self.draw(rules.seed, UInt64(index), UInt64(number))
        if rule.isDue(number: number, draw: draw) { return rule.action }
      }
      return nil
    }

    /// SplitMix64 over three numbers: the same faults for the same seed and the same calls.
    private static func draw(_ seed: UInt64, _ rule: UInt64, _ number: UInt64) -> UInt64 {
      var value = seed &* 0x9e37_79b9_7f4a_7c15 &+ rule &* 0xbf58_476d_1ce4_e5b9 &+ number
      for multiplier: UInt64 in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
        value = (value ^ (value >> 30)) &* multiplier
      }
      return value ^ (value >> 31)
    }
  }

  private struct FileStamp: Equatable {
    let size: Int
    let seconds: Int
    let nanoseconds: Int
  }

  private let state = Mutex(State())
  private let file: String?
  private let logger: Logger

  /// - Parameter file: read again whenever it changes; nil for only the rules of `set`.
  /// - Throws: `FaultRules.Fault` if the file is invalid.
  init(file: String?, logger: Logger) throws(FaultRules.Fault) {
    self.file = file
    self.logger = logger
    guard let file else { return }
    let rules = try Self.read(file)
    let stamp = Self.stamp(file)
    state.withLock { $0.take(rules, stamp) }
  }

  /// The number of calls during a wait that the forge had requested.
  var callsInsideWaits: Int { state.withLock { $0.callsInsideWaits } }

  func set(_ rules: FaultRules) { state.withLock { $0.take(rules, nil) } }

  /// The fault to inject into this call; nil for none.
  /// - Parameter path: without its query.
  func action(_ method: String, _ path: String, now: Date = Date()) -> FaultAction? {
    reload()
    let seconds = now.timeIntervalSince1970
    let (action, isInside) = state.withLock { state -> (FaultAction?, Bool) in
      if seconds < state.limitedUntil {
        state.callsInsideWaits += 1
        return (.limit(state.limit.rest(Int64((state.limitedUntil - seconds).rounded(.up)))), true)
      }
      let action = state.next(method, path)
      if case .limit(let limit) = action {
        state.limit = limit
        state.limitedUntil = seconds + Double(limit.seconds)
      }
      return (action, false)
    }
    if isInside {
      logger.error(
        "a call came during a wait that the forge had requested",
        metadata: ["call": "\(method) \(path)"])
    }
    return action
  }

  // MARK: The file

  private static func read(_ file: String) throws(FaultRules.Fault) -> FaultRules {
    guard let bytes = try? Data(contentsOf: URL(filePath: file)) else {
      throw FaultRules.Fault(description: "\(file) cannot be read")
    }
    do { return try FaultRules(parsing: Array(bytes)) } catch {
      throw FaultRules.Fault(description: "\(file): \(error)")
    }
  }

  private static func stamp(_ file: String) -> FileStamp? {
    var facts = stat()
    guard stat(file, &facts) == 0 else { return nil }
    return FileStamp(
      size: Int(facts.st_size), seconds: facts.st_mtim.tv_sec, nanoseconds: facts.st_mtim.tv_nsec)
  }

  /// Reads the file if it has changed. If it is invalid, that is logged and the old rules stay.
  private func reload() {
    guard let file else { return }
    let stamp = Self.stamp(file)
    guard state.withLock({ $0.stamp }) != stamp else { return }
    do throws(FaultRules.Fault) {
      let rules = try Self.read(file)
      state.withLock { $0.take(rules, stamp) }
    } catch {
      logger.error("the changed rules for faults are invalid", metadata: ["fault": "\(error)"])
      state.withLock { $0.stamp = stamp }
    }
  }
}

extension FaultAction.Limit {
  /// The same limit, with this many seconds left.
  func rest(_ seconds: Int64) -> Self {
    switch self {
    case .retryAfter: .retryAfter(seconds)
    case .reset: .reset(seconds)
    case .secondary: .secondary
    }
  }
}
