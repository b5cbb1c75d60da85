import FoundationEssentials
import Glibc
import Logging
import Synchronization

/// The rules in force, how often each has fitted, and the wait that the forge asked for.
final class FaultPlan: Sendable {
  private struct State {
    var rules = FaultRules()
    var counts: [Int] = []
    /// No call may come before that moment, seconds since 1970.
    var limitedUntil: Double = 0
    var limit = FaultAction.Limit.secondary
    var callsInsideWaits = 0
    /// The file's size and time of change when it was read last.
    var stamp: FileStamp?

    mutating func take(_ rules: FaultRules, _ stamp: FileStamp?) {
      self.rules = rules
      self.stamp = stamp
      counts = Array(repeating: 0, count: rules.rules.count)
    }

    mutating func next(_ method: String, _ path: String) -> FaultAction? {
      for (index, rule) in rules.rules.enumerated() where rule.fits(method: method, path: path) {
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

  /// - Parameter file: is read again whenever it has changed; nil: the rules that `set` was given.
  /// - Throws: `FaultRules.Fault` where the file holds no rules now.
  init(file: String?, logger: Logger) throws(FaultRules.Fault) {
    self.file = file
    self.logger = logger
    guard let file else { return }
    let rules = try Self.read(file)
    let stamp = Self.stamp(file)
    state.withLock { $0.take(rules, stamp) }
  }

  /// Calls that came although the forge had asked for silence until later.
  var callsInsideWaits: Int { state.withLock { $0.callsInsideWaits } }

  func set(_ rules: FaultRules) { state.withLock { $0.take(rules, nil) } }

  /// What goes wrong with this call; nil: nothing.
  /// - Parameter path: without its query.
  func action(_ method: String, _ path: String, now: Date = Date()) -> FaultAction? {
    renew()
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
        "a call came inside the wait that the forge asked for",
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

  /// Takes in what the file says now. A fault in it is told, and the old rules stay.
  private func renew() {
    guard let file else { return }
    let stamp = Self.stamp(file)
    guard state.withLock({ $0.stamp }) != stamp else { return }
    do throws(FaultRules.Fault) {
      let rules = try Self.read(file)
      state.withLock { $0.take(rules, stamp) }
    } catch {
      logger.error("the faults were not taken in", metadata: ["fault": "\(error)"])
      state.withLock { $0.stamp = stamp }
    }
  }
}

extension FaultAction.Limit {
  /// The same, with so many seconds left.
  func rest(_ seconds: Int64) -> Self {
    switch self {
    case .retryAfter: .retryAfter(seconds)
    case .reset: .reset(seconds)
    case .secondary: .secondary
    }
  }
}
