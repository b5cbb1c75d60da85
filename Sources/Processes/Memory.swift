import CProcess

/// The process's memory allocator.
package enum Memory {
  /// Configures glibc's allocator for a server (mallopt(3)). Freed memory of large allocations
  /// returns to the system: by default one burst is kept for each thread. Small free blocks are
  /// joined when they are freed, not before each larger allocation.
  package static func configure() { cprocess_configure_memory() }

  /// Returns the memory that is free now to the system. It takes a few milliseconds: call it after
  /// a phase that needed much, such as a start.
  package static func trim() { cprocess_trim_memory() }
}
