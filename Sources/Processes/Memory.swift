import CProcess

/// The process's memory allocator.
package enum Memory {
  /// Returns freed memory of large allocations to the system: by default glibc keeps the memory of
  /// one burst for each thread (mallopt(3)).
  package static func giveBack() { cprocess_give_memory_back() }
}
