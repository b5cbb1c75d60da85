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
    guard let folder = opendir(path) else { throw Fault("open", path) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    closedir(folder)
    for name in names {
      let inner = "\(path)/\(name)"
      var facts = stat()
      guard lstat(inner, &facts) == 0 else { throw Fault("stat", inner) }
      switch facts.st_mode & S_IFMT {
      case S_IFDIR: try tree(inner)
      case S_IFREG: try sync(inner, O_RDONLY)
      case _: continue
      }
    }
    try self.folder(path)
  }

  /// A folder's own entries.
  static func folder(_ path: String) throws(Fault) { try sync(path, O_RDONLY | O_DIRECTORY) }

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

  private static func sync(_ path: String, _ flags: Int32) throws(Fault) {
    let descriptor = open(path, flags | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw Fault("open", path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw Fault("sync", path) }
  }
}
