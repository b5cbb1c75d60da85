#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Has files and folders on disk, so that they are whole after a power cut.
enum DiskSync {
  struct Fault: Error, CustomStringConvertible {
    let description: String
    init(_ operation: String, _ path: String) {
      description = "\(operation) \(path): \(String(cString: strerror(errno)))"
    }
  }

  /// A folder with all that is in it; links are not followed.
  static func tree(_ path: String) throws(Fault) {
    try tree(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), path)
  }

  /// - Parameters:
  ///   - descriptor: of the folder, or -1; it is closed.
  ///   - path: for what is said of a fault. Names are bytes, and it may not hold them exactly.
  private static func tree(_ descriptor: Int32, _ path: String) throws(Fault) {
    guard descriptor >= 0, let folder = fdopendir(descriptor) else { throw Fault("open", path) }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      guard name != [0x2e], name != [0x2e, 0x2e] else { continue }
      let inner = "\(path)/\(String(decoding: name, as: UTF8.self))"
      let bytes = (name + [0]).map { CChar(bitPattern: $0) }
      var facts = stat()
      guard fstatat(descriptor, bytes, &facts, AT_SYMLINK_NOFOLLOW) == 0 else {
        throw Fault("stat", inner)
      }
      let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC
      switch facts.st_mode & S_IFMT {
      case S_IFDIR: try tree(openat(descriptor, bytes, flags | O_DIRECTORY), inner)
      case S_IFREG: try sync(openat(descriptor, bytes, flags), inner)
      case _: continue
      }
    }
    guard fsync(descriptor) == 0 else { throw Fault("sync", path) }
  }

  /// A folder's own entries.
  static func folder(_ path: String) throws(Fault) {
    try sync(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), path)
  }

  static func rename(_ path: String, to other: String) throws(Fault) {
    guard unsafeRename(path, other) == 0 else { throw Fault("rename", path) }
  }

  private static func unsafeRename(_ path: String, _ other: String) -> Int32 {
    #if canImport(Glibc)
      Glibc.rename(path, other)
    #elseif canImport(Darwin)
      Darwin.rename(path, other)
    #endif
  }

  /// - Parameter descriptor: or -1; it is closed.
  private static func sync(_ descriptor: Int32, _ path: String) throws(Fault) {
    guard descriptor >= 0 else { throw Fault("open", path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw Fault("sync", path) }
  }
}
