import CProcess

/// How the process's allocator deals with the system.
package enum Memory {
  /// Has memory that was taken for something large go back to the system when it is freed: glibc
  /// would keep what one burst has needed, once for each thread (mallopt(3)).
  package static func giveBack() { cprocess_give_memory_back() }
}
