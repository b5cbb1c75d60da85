import Domain
import Glibc

/// The use of the machine by this process. A figure that the system does not report is nil.
package struct ProcessFigures: Sendable {
  /// The time of all its threads on a processor, in seconds.
  package var cpuSeconds: Double
  /// The memory that is in use, shared pages included, and the reserved address space, in bytes.
  package var residentBytes: Int?
  package var virtualBytes: Int?
  package var openDescriptors: Int?
  package var descriptorsMax: Int?
  package var threads: Int?
  /// When it started, in seconds since 1970.
  package var startSeconds: Double?

  /// Reads them; it reads a few files of proc(5).
  package static var current: ProcessFigures {
    let memory = memoryPages
    return ProcessFigures(
      cpuSeconds: seconds(of: CLOCK_PROCESS_CPUTIME_ID), residentBytes: memory?.resident,
      virtualBytes: memory?.virtual, openDescriptors: openDescriptorCount,
      descriptorsMax: descriptorLimit,
      threads: ProcessFiles.status(of: getpid())?.threads, startSeconds: start)
  }

  private static func seconds(of clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private static var memoryPages: (virtual: Int, resident: Int)? {
    guard let bytes = try? DurableFile.read("/proc/self/statm", atMost: 256) else { return nil }
    let pages = String(decoding: bytes, as: UTF8.self).split(separator: " ").prefix(2)
      .compactMap { Int($0) }
    guard pages.count == 2 else { return nil }
    let size = sysconf(Int32(_SC_PAGESIZE))
    return (pages[0] * size, pages[1] * size)
  }

  /// Without the one that the count itself opens.
  private static var openDescriptorCount: Int? {
    let count = ProcessFiles.numbers(in: "/proc/self/fd").count
    return count > 0 ? count - 1 : nil
  }

  private static var descriptorLimit: Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0,
      limit.rlim_cur != rlim_t.max
    else { return nil }
    return Int(clamping: limit.rlim_cur)
  }

  /// Computed once: the wall clock may be set later, and the start must not move.
  private static let start: Double? = {
    guard let status = ProcessFiles.status(of: getpid()) else { return nil }
    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
    let age = seconds(of: CLOCK_BOOTTIME) - Double(status.startTicks) / ticks
    return Double(Timestamp.now.milliseconds) / 1000 - age
  }()
}
