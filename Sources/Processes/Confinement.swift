import CProcess

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The first process in a sandbox (CProcess/confine.c).
package enum Confinement {
  /// Limits this process, passes the listeners that are asked for to the worker, and becomes the
  /// program that the arguments name.
  /// - Parameter arguments: those of `cprocess_confine`.
  /// - Returns: only if it failed, the exit code.
  package static func become(_ arguments: [String]) -> Int32 {
    var words = arguments.map { strdup($0) }
    words.append(nil)
    return words.withUnsafeBufferPointer { words in
      cprocess_confine(Int32(arguments.count), words.baseAddress)
    }
  }
}
