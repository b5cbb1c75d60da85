// Finds the processes of an agent by a mark in their environment, which those that left its process
// group still have.

import FoundationEssentials
import Glibc
import SystemCalls

enum ProcessTable {
  /// The environment variable of all processes of an attempt; its value is the attempt's folder.
  static let mark = "AIPM_ATTEMPT"

  /// The path of this program. Other processes may not be permitted to read its `/proc/N/exe`, so
  /// the link is read here.
  static let ownProgram: String = {
    let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let gone = " (deleted)"
    return path.hasSuffix(gone) ? String(path.dropLast(gone.count)) : path
  }()

  /// Identifies the process, also after its number is reused; nil if it does not exist.
  static func identity(of process: Int32) -> AgentIdentity? {
    ProcessFiles.status(of: process).map {
      AgentIdentity(processID: process, startTicks: $0.startTicks)
    }
  }

  enum Owner: Sendable {
    /// Of the attempt with this folder.
    case attempt(String)
    /// Of every attempt whose folder is below this one.
    case beneath(String)

    func owns(_ variable: ArraySlice<UInt8>) -> Bool {
      switch self {
      case .attempt(let folder): variable.elementsEqual("\(mark)=\(folder)".utf8)
      case .beneath(let folder): variable.starts(with: "\(mark)=\(folder)/".utf8)
      }
    }
  }

  /// The processes with the mark, except this one.
  static func processes(of owner: Owner) -> [Int32] {
    ProcessFiles.all.filter { process in
      guard process != getpid(),
        let bytes = try? DurableFile.read("/proc/\(process)/environ", atMost: 1 << 20)
      else { return false }
      return bytes.split(separator: 0).contains(where: owner.owns)
    }
  }

  /// Kills processes with the mark until there are no more.
  /// - Returns: false if some remain after the time limit.
  static func end(_ owner: Owner, within limit: Duration = .seconds(5)) async -> Bool {
    let clock = ContinuousClock()
    let end = clock.now + limit
    while true {
      let processes = processes(of: owner)
      if processes.isEmpty { return true }
      guard clock.now < end else { return false }
      for process in processes { kill(process, SIGKILL) }
      // The kernel notifies only parents of an end, and these are not child processes. A cancelled
      // task would not sleep.
      await Task { try? await clock.sleep(for: .milliseconds(5)) }.value
    }
  }

  /// The name of a process's program, at most 15 bytes; nil if it has ended.
  static func name(of process: Int32) -> [UInt8]? {
    try? DurableFile.read("/proc/\(process)/comm", atMost: 64)
  }

  /// Whether the condition applies to a process or one of its ancestors.
  static func descends(_ process: Int32, from isSuch: (Int32) -> Bool) -> Bool {
    var next = process
    while next > 0 {
      if isSuch(next) { return true }
      guard let parent = ProcessFiles.status(of: next)?.parent else { return false }
      next = parent
    }
    return false
  }

  /// The resources that an agent's processes use.
  struct Use: Equatable, Sendable {
    /// At least one for each process.
    var threads = 0
    /// Private memory: not shared with a file or another process.
    var memoryBytes = 0
    var members: [Member] = []

    fileprivate mutating func add(
      _ process: Int32, _ facts: ProcessFiles.Status, isSandbox: Bool, countsMemory: Bool
    ) {
      threads += facts.threads
      guard let path = ProcessTable.living(process, facts) else { return }
      members.append(.init(path: path, isSandbox: isSandbox))
      if countsMemory { memoryBytes += ProcessFiles.memoryBytes(at: path) }
    }
  }

  /// A process with memory and open files.
  struct Member: Equatable, Sendable {
    /// Its folder in proc(5).
    var path: String
    /// Belongs to the sandbox: bubblewrap, which runs the agent.
    var isSandbox: Bool
  }

  /// The usage of a process and its descendants. All processes of a sandbox are descendants of its
  /// first one, which adopts orphans.
  /// - Parameter isSandbox: the process and its child are bubblewrap's, and not counted.
  static func use(of process: Int32, isSandbox: Bool, countsMemory: Bool) -> Use {
    var children: [Int32: [(process: Int32, facts: ProcessFiles.Status)]] = [:]
    for process in ProcessFiles.all {
      guard let facts = ProcessFiles.status(of: process) else { continue }
      children[facts.parent, default: []].append((process, facts))
    }
    var use = Use()
    var waiting = (children[process] ?? []).map { (process: $0.process, facts: $0.facts, depth: 1) }
    if !isSandbox, let facts = ProcessFiles.status(of: process) {
      use.add(process, facts, isSandbox: false, countsMemory: countsMemory)
    }
    while let next = waiting.popLast() {
      use.add(
        next.process, next.facts, isSandbox: isSandbox && next.depth == 1,
        countsMemory: countsMemory)
      waiting += (children[next.process] ?? []).map { ($0.process, $0.facts, next.depth + 1) }
    }
    return use
  }

  /// The folder of a process's memory and open files in proc(5); nil if it has ended. If its first
  /// thread has ended, only the other threads have this information.
  fileprivate static func living(_ process: Int32, _ facts: ProcessFiles.Status) -> String? {
    let path = "/proc/\(process)"
    guard facts.hasEnded else { return path }
    guard facts.threads > 1 else { return nil }
    return ProcessFiles.numbers(in: "\(path)/task").lazy.map { "\(path)/task/\($0)" }
      .first { ProcessFiles.status(at: $0).map { !$0.hasEnded } ?? false }
  }

  static func hasEnded(_ path: String) -> Bool { ProcessFiles.status(at: path)?.hasEnded ?? true }
}
