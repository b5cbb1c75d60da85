import Domain
import Engine
import Processes
import SystemCalls

/// Runs git on what is in quarantine, with one time limit for all commands, and decides whether the
/// change or the machine is at fault.
struct HandInGit {
  private let mirror: String
  private let environment: [String: String]
  /// What git writes to.
  private let folder: String
  private let commit: ObjectID
  /// The required space in bytes: for the objects, and for git's own files.
  private let room: Int
  private let failures: FailureCounts
  private let limit: Duration
  private let end: ContinuousClock.Instant

  /// - Parameters:
  ///   - quarantine: what git sees besides the mirror; nil for a commit that the mirror has.
  ///   - packBytes: the size of the pack that is unpacked.
  ///   - limit: for all calls together.
  init(
    mirror: String, quarantine: Quarantine? = nil, commit: ObjectID, packBytes: Int = 0,
    failures: FailureCounts, limit: Duration
  ) {
    self.mirror = mirror
    environment = quarantine?.environment ?? [:]
    folder = quarantine?.objects ?? "\(mirror)/objects"
    self.commit = commit
    // Once for the pack, once for the objects that complete it.
    room = 2 * packBytes + 16 << 20
    self.failures = failures
    self.limit = limit
    end = .now + limit
  }

  /// The fault of the disk; nil if there is no fault.
  private var diskFault: String? { DiskProbe.fault(in: folder, room: room) }
  private var timeLeft: Duration { max(.milliseconds(1), end - .now) }

  /// Larger files are not compared line by line.
  static let settings =
    GitMirrors.durability + [(key: "core.bigFileThreshold", value: "64m")]

  /// Runs git. Any exit code other than 0 is a fault.
  /// - Parameter outputLimit: in bytes; more output means that the change is too large.
  func run(
    _ arguments: [String], input: [UInt8] = [], outputLimit: Int = 64 << 20
  ) async throws(HandInRefusal) -> [UInt8] {
    do {
      return try await Git.run(
        arguments, gitDirectory: mirror, extraEnvironment: environment,
        config: Self.settings, input: input.isEmpty ? .none : .bytes(input), timeout: timeLeft,
        outputLimit: outputLimit
      ).standardOutput
    } catch {
      throw verdict(error)
    }
  }

  /// Runs git for its exit code.
  /// - Parameter pack: the path of its input.
  /// - Returns: the fault if the exit code is not 0 and the machine is in order.
  func failure(
    _ arguments: [String], pack: String?, _ environment: [String: String] = [:]
  ) async throws(HandInRefusal) -> GitFault? {
    do {
      try await Git.run(
        arguments, gitDirectory: mirror,
        extraEnvironment: self.environment.merging(environment) { $1 },
        config: Self.settings, input: pack.map { .file($0) } ?? .none, timeout: timeLeft,
        outputLimit: 1 << 20)
      return nil
    } catch {
      guard error.exitCode != nil, !error.isOverflow else { throw verdict(error) }
      if let wrong = diskFault { throw .unavailable(wrong) }
      return error
    }
  }

  /// Runs git and folds its output; see `Git.fold`.
  func fold<State: Sendable>(
    _ arguments: [String], into state: State,
    _ take: @escaping @Sendable (inout State, [UInt8]) -> Bool
  ) async throws(HandInRefusal) -> State {
    do {
      return try await Git.fold(
        arguments, gitDirectory: mirror, extraEnvironment: environment,
        config: Self.settings, timeout: timeLeft, into: state, take)
    } catch {
      throw verdict(error)
    }
  }

  /// Reads blobs; see `Git.blobs`.
  func blobs<State: Sendable>(
    _ names: [String], into state: State,
    _ take: @escaping @Sendable (inout State, Int, BlobPart) -> Void
  ) async throws(HandInRefusal) -> State {
    do {
      return try await Git.blobs(
        names, gitDirectory: mirror, extraEnvironment: environment,
        timeout: timeLeft, into: state, take)
    } catch {
      throw verdict(error)
    }
  }

  /// Decides who is at fault. A timeout and too much output are caused by the change, because
  /// nothing else is large here. Otherwise it is the machine's fault if a probe shows that.
  private func verdict(_ fault: GitFault) -> HandInRefusal {
    if fault.isTimeout {
      return .refused(
        message: "git could not look at the change within \(limit)",
        hint: "Have the agent leave generated and downloaded files out.")
    }
    if fault.isOverflow {
      return .refused(
        message: "git has more to say of the change than is looked at: \(fault)",
        hint: "Have the agent leave generated and downloaded files out.")
    }
    if let wrong = diskFault { return .unavailable(wrong) }
    guard failures.mayTryAgain(commit.rawValue) else {
      failures.forget(commit.rawValue)
      return .refused(
        message: "git failed on the change \(FailureCounts.triesMax) times: \(fault)",
        hint: "The disk can be written. See what git says of it.")
    }
    return .unavailable("\(fault)")
  }
}
