// Calls that block for as long as they like, on a thread of their own: the few threads that Swift's
// tasks share must not wait.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Runs a blocking call on a thread that is made for it.
/// - Returns: what it returned. The call runs on the caller's thread only if no thread can be made.
package func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
  await withCheckedContinuation { continuation in
    let work = ThreadBody { continuation.resume(returning: body()) }
    if !work.start() { work.run() }
  }
}

private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void
  init(_ run: @escaping @Sendable () -> Void) { self.run = run }

  /// False if the system makes no more threads.
  func start() -> Bool {
    let retained = Unmanaged.passRetained(self)
    #if canImport(Glibc)
      var thread = pthread_t()
    #else
      var thread: pthread_t?
    #endif
    let code = pthread_create(
      &thread, nil,
      { pointer in
        #if canImport(Glibc)
          guard let pointer else { return nil }
        #endif
        Unmanaged<ThreadBody>.fromOpaque(pointer).takeRetainedValue().run()
        return nil
      }, retained.toOpaque())
    guard code == 0 else {
      retained.release()
      return false
    }
    #if canImport(Glibc)
      pthread_detach(thread)
    #else
      if let thread { pthread_detach(thread) }
    #endif
    return true
  }
}
