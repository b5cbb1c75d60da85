import Glibc

/// Files that survive a power cut, and reading of small files by system calls.
package enum DurableFile {
  /// Replaces the file as a whole: it has the old or the new content, even after a crash. Only this
  /// user can read it.
  /// - Parameter prepare: called with the new file before it is renamed.
  package static func replace(
    _ path: String, with bytes: some Collection<UInt8>, prepare: (Int32) -> Void = { _ in }
  ) throws(FileFault) {
    let next = "\(path).next"
    do {
      let file = try OpenFile(next, O_WRONLY | O_CREAT | O_TRUNC)
      try file.write(bytes)
      prepare(file.descriptor)
      try file.sync()
    }
    try rename(next, to: path)
    try syncFolder(of: path)
  }

  /// rename(2).
  package static func rename(_ path: String, to other: String) throws(FileFault) {
    guard Glibc.rename(path, other) == 0 else { throw .last("rename", path) }
  }

  /// Removes a file, durably; one that is absent changes nothing.
  package static func remove(_ path: String) throws(FileFault) {
    guard unlink(path) == 0 else {
      if errno == ENOENT { return }
      throw .last("unlink", path)
    }
    try syncFolder(of: path)
  }

  /// The folder of a path.
  package static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Syncs the folder's entry for `path`.
  package static func syncFolder(of path: String) throws(FileFault) {
    try syncFolder(folder(of: path))
  }

  /// Syncs a folder's own entries.
  package static func syncFolder(_ path: String) throws(FileFault) {
    let file = try OpenFile(path, O_RDONLY | O_DIRECTORY)
    try file.sync()
  }

  /// Syncs a folder with all its content. Links are not followed.
  package static func syncTree(_ path: String) throws(FileFault) {
    try syncTree(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), path)
  }

  /// - Parameters:
  /// - descriptor: the folder's, or -1; it is closed.
  /// - path: for errors. It may differ from the name's bytes.
  private static func syncTree(_ descriptor: Int32, _ path: String) throws(FileFault) {
    guard descriptor >= 0, let folder = fdopendir(descriptor) else { throw .last("open", path) }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      guard name != [0x2e], name != [0x2e, 0x2e] else { continue }
      let inner = "\(path)/\(String(decoding: name, as: UTF8.self))"
      let bytes = (name + [0]).map { CChar(bitPattern: $0) }
      var facts = stat()
      guard fstatat(descriptor, bytes, &facts, AT_SYMLINK_NOFOLLOW) == 0 else {
        throw .last("stat", inner)
      }
      let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC
      switch facts.st_mode & S_IFMT {
      case S_IFDIR: try syncTree(openat(descriptor, bytes, flags | O_DIRECTORY), inner)
      case S_IFREG:
        let file = openat(descriptor, bytes, flags)
        guard file >= 0 else { throw .last("open", inner) }
        defer { close(file) }
        guard fsync(file) == 0 else { throw .last("fsync", inner) }
      case _: continue
      }
    }
    guard fsync(descriptor) == 0 else { throw .last("fsync", path) }
  }

  // MARK: Reading

  /// Reads at most `limit` bytes from `offset`; none at or past the end.
  package static func read(
    _ path: String, from offset: Int = 0, atMost limit: Int
  ) throws(FileFault) -> [UInt8] {
    let file = try OpenFile(path, O_RDONLY)
    return try file.read(from: offset, atMost: limit)
  }

  /// The file's length in bytes; 0 if it is absent.
  package static func size(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  /// Makes the folder and its missing parents, for this user alone.
  package static func makeFolder(_ path: String) throws(FileFault) {
    if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
      throw .last("mkdir", path)
    }
    try makeFolder(String(path[..<slash]))
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .last("mkdir", path) }
  }

  /// Whether the path is a folder, not a link to one.
  package static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Whether the path exists, also as a link without a target.
  package static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }
}
