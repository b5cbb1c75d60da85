import CProcess
import Glibc

/// Runs `body` on a new detached thread with all signals blocked. Signals are for the threads that
/// expect them, and a connection closed by its peer must not raise SIGPIPE.
/// - Parameter name: for debuggers and `ps -L`, cut off after 15 bytes. nil: the name of this
///   thread.
/// - Returns: false if the system has no more threads.
package func startThread(
  name: String? = nil, _ body: @escaping @Sendable () -> Void
) -> Bool {
  final class Box {
    let name: String?
    let body: @Sendable () -> Void
    init(_ name: String?, _ body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
  let box = Unmanaged.passRetained(Box(name, body))
  var all = sigset_t()
  var before = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_SETMASK, &all, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  var thread = pthread_t()
  let code = pthread_create(
    &thread, nil,
    { context in
      guard let context else { return nil }
      let box = Unmanaged<Box>.fromOpaque(context).takeRetainedValue()
      if let name = box.name { cprocess_name_thread(name) }
      box.body()
      return nil
    }, box.toOpaque())
  guard code == 0 else {
    box.release()
    return false
  }
  pthread_detach(thread)
  return true
}

/// Runs a blocking call on a new thread, because the few threads that Swift's tasks share must not
/// wait.
/// - Returns: the call's result. The call runs on the caller's thread only if no thread can be
///   made.
package func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
  await withCheckedContinuation { continuation in
    let work: @Sendable () -> Void = { continuation.resume(returning: body()) }
    if !startThread(work) { work() }
  }
}
