// Services of the operating system: durable files, locks of folders, threads, the table of
// processes and the clock. A semaphore bounds their use.
//
// Purpose: each call is written once, as its manual page requires. Interrupted calls are repeated,
// short writes go on, and descriptors are closed on exec. A file or a name counts as on disk after
// a sync of it and of its folder.
//
// Guarantees: nothing here depends on its use. A function that can block says so, or is a plain
// call on a local file.
//
// Failures: `FileFault` names the call, the path and the system's reason.

import Domain
import Glibc

extension Timestamp {
  /// The time by the machine's clock, which may be changed at any moment.
  package static var now: Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }
}
