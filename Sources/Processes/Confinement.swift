import CProcess
import Glibc

/// The first process in a sandbox (CProcess/confine.c).
package enum Confinement {
  /// Limits this process, passes the requested listeners to the worker, and executes the program
  /// that the arguments name.
  /// - Parameter arguments: those of `cprocess_confine`.
  /// - Returns: the exit code, only if it failed.
  package static func become(_ arguments: [String]) -> Int32 {
    var pointers = arguments.map { strdup($0) }
    pointers.append(nil)
    return pointers.withUnsafeBufferPointer { pointers in
      cprocess_confine(Int32(arguments.count), pointers.baseAddress)
    }
  }
}
