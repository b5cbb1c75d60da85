// What the operating system gives, by its calls: durable files, locks of folders, threads, the
// table of processes, the clock; and the semaphore that bounds how much of it is used at once.
//
// What it is for: each is written once, with the care that the manual pages ask for: calls that a
// signal interrupted are repeated, short writes go on, descriptors are closed on exec, and a file
// or a name that is said to be on disk was synced together with its folder.
//
// What it promises: nothing here knows what it is used for. A function that can block says so or is
// a plain call on a local file. How it fails: with `FileFault`, which names the call, the path and
// the system's reason.

import Domain
import Glibc

extension Timestamp {
  /// The time by the machine's clock, which may be set at any moment.
  package static var now: Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }
}
