// Walks through a tree that an agent had full control of.
//
// Every folder is opened relative to its parent and no link is followed, so nothing outside the
// tree is read or changed. Names are bytes. A walk uses two descriptors at any depth, and ends at
// its limits or when it is stopped.

import Glibc
import SystemCalls

/// A tree; its entries have paths relative to the root that never leave it.
struct TreeRoot: Sendable {
  /// Absolute; a folder, not a link.
  let path: String

  enum Kind: Sendable { case folder, file, link, special }

  static func kind(_ facts: stat) -> Kind {
    switch facts.st_mode & S_IFMT {
    case S_IFDIR: .folder
    case S_IFREG: .file
    case S_IFLNK: .link
    case _: .special
    }
  }

  /// A descriptor of a folder; nil if it is absent or not a folder.
  func open(_ folder: ArraySlice<UInt8>) throws(FileFault) -> Int32? {
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    var descriptor = Glibc.open(path, flags)
    for part in folder.split(separator: UInt8(ascii: "/")) {
      guard descriptor >= 0 else { break }
      let next = openat(descriptor, CName(part).bytes, flags)
      let cause = errno
      close(descriptor)
      (descriptor, errno) = (next, cause)
    }
    if descriptor >= 0 { return descriptor }
    if [ENOENT, ENOTDIR, ELOOP].contains(errno) { return nil }
    throw .last("open", "\(path)/\(String(decoding: folder, as: UTF8.self))")
  }

  /// Calls `body` with the folder of the entry and the entry's name.
  /// - Returns: nil if there is no such folder.
  private func within<Value>(
    _ entry: [UInt8], _ body: (Int32, CName) throws(FileFault) -> Value
  ) throws(FileFault) -> Value? {
    let slash = entry.lastIndex(of: UInt8(ascii: "/"))
    guard let folder = try open(slash.map { entry[..<$0] } ?? []) else { return nil }
    defer { close(folder) }
    return try body(folder, CName(slash.map { entry[($0 + 1)...] } ?? entry[...]))
  }

  /// nil if absent.
  func facts(_ entry: [UInt8]) throws(FileFault) -> stat? {
    try within(entry) { folder, name -> stat? in
      var facts = stat()
      return fstatat(folder, name.bytes, &facts, AT_SYMLINK_NOFOLLOW) == 0 ? facts : nil
    } ?? nil
  }

  /// The content of a regular file of at most `limit` bytes; nil otherwise.
  func read(_ entry: [UInt8], atMost limit: Int) throws(FileFault) -> [UInt8]? {
    try within(entry) { folder, name -> [UInt8]? in
      let file = openat(folder, name.bytes, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
      guard file >= 0 else { return nil }
      defer { close(file) }
      var facts = stat()
      guard fstat(file, &facts) == 0, Self.kind(facts) == .file, facts.st_size <= limit else {
        return nil
      }
      var bytes = [UInt8](repeating: 0, count: Int(facts.st_size))
      let count = bytes.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, 0) }
      return count == bytes.count ? bytes : nil
    } ?? nil
  }

  /// Makes the root readable and writable for its owner: an agent can remove these permissions, and
  /// a folder that is not writable cannot be moved.
  func makeAccessible() throws(FileFault) {
    var facts = stat()
    guard lstat(path, &facts) == 0 else { throw .last("stat", path) }
    try Self.makeAccessible(CName(Array(path.utf8)), facts, of: AT_FDCWD)
  }

  /// Removes an entry; a folder is moved to `trash`.
  func remove(_ entry: [UInt8], trash: Trash) throws(FileFault) {
    _ = try within(entry) { folder, name throws(FileFault) -> Void in
      var facts = stat()
      guard fstatat(folder, name.bytes, &facts, AT_SYMLINK_NOFOLLOW) == 0 else { return }
      try Self.remove(name, facts, of: folder, trash: trash)
    }
  }

  fileprivate static func remove(
    _ name: CName, _ facts: stat, of folder: Int32, trash: Trash
  ) throws(FileFault) {
    if kind(facts) != .folder {
      guard unlinkat(folder, name.bytes, 0) == 0 || errno == ENOENT else {
        throw .last("unlink", name.text)
      }
      return
    }
    // A folder that is not writable cannot be moved, because its `..` would change.
    try makeAccessible(name, facts, of: folder)
    try trash.take(name, of: folder)
  }

  /// Makes it readable and writable for its owner, and a folder searchable.
  fileprivate static func makeAccessible(
    _ name: CName, _ facts: stat, of folder: Int32
  ) throws(FileFault) {
    let wanted: mode_t = kind(facts) == .folder ? 0o700 : 0o600
    guard facts.st_mode & wanted != wanted else { return }
    let mode = facts.st_mode & 0o777 | wanted
    guard fchmodat(folder, name.bytes, mode, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT else {
      throw .last("chmod", name.text)
    }
  }
}

/// A name for system calls, with a zero at the end.
struct CName {
  let bytes: [CChar]
  init(_ name: [UInt8]) { self.init(name[...]) }
  init(_ name: ArraySlice<UInt8>) {
    bytes = name.withUnsafeBytes { Array($0.bindMemory(to: CChar.self)) } + [0]
  }
  fileprivate init(_ entry: UnsafeMutablePointer<dirent>) {
    let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 0
    let name = UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
    bytes = Array(UnsafeBufferPointer(start: name, count: strlen(name) + 1))
  }
  var name: [UInt8] {
    bytes.withUnsafeBytes { Array(UnsafeRawBufferPointer(rebasing: $0.dropLast())) }
  }
  var text: String { String(decoding: name, as: UTF8.self) }
}

/// A folder next to a tree for removed folders, so that a walk does not have to descend into them.
final class Trash {
  let path: String
  private var count = 0

  /// - Parameter path: on the tree's file system; created if missing.
  init(_ path: String) throws(FileFault) {
    self.path = path
    try DurableFile.makeFolder(path)
  }

  fileprivate func take(_ name: CName, of folder: Int32) throws(FileFault) {
    repeat { count += 1 } while DurableFile.exists("\(path)/\(count)")
    guard renameat(folder, name.bytes, AT_FDCWD, "\(path)/\(count)") == 0 || errno == ENOENT else {
      throw .last("rename", name.text)
    }
  }
}

/// Visits all entries of a tree, one folder after another.
struct TreeWalk {
  let root: TreeRoot
  let stop: StopFlag
  let trash: Trash
  var entriesMax = ResourceWatch.entriesMax
  var limit = Duration.seconds(60)

  /// git cannot use longer paths (PATH_MAX of Linux is 4096).
  static let pathBytesMax = 4000

  struct Entry {
    /// From the root, without a leading `/`.
    let path: [UInt8]
    let name: [UInt8]
    let folder: [UInt8]
    let kind: TreeRoot.Kind
    let facts: stat
  }

  enum Verdict {
    /// Makes it accessible, and descends into a folder.
    case enter
    case leave
    case remove
  }

  /// The walk exceeded a limit because of the tree's content.
  struct Excess: Error { let message: String }

  private var excess: Excess { Excess(message: "more than \(entriesMax) files") }

  /// - Throws: `Excess`, `CancellationError`, or a `FileFault`.
  func run(_ visit: (Entry) throws -> Verdict) throws {
    let clock = ContinuousClock()
    let end = clock.now + limit
    var looked = 0
    var waiting: [Waiting] = [Waiting(path: [], parent: nil, name: nil)]
    var last = Opened(path: [], descriptor: -1)
    defer { if last.descriptor >= 0 { close(last.descriptor) } }
    try root.makeAccessible()
    while let next = waiting.popLast() {
      let opened = try open(next, from: last)
      if last.descriptor >= 0 { close(last.descriptor) }
      last = Opened(path: next.path, descriptor: opened ?? -1)
      guard let descriptor = opened else { continue }
      for name in try list(descriptor, atMost: entriesMax) {
        looked += 1
        if looked > entriesMax { throw excess }
        if looked % 64 == 0 {
          if stop.isRaised { throw CancellationError() }
          if clock.now > end { throw Excess(message: "more files than can be looked at") }
        }
        var facts = stat()
        guard fstatat(descriptor, name.bytes, &facts, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
        var path = next.path
        if !path.isEmpty { path.append(UInt8(ascii: "/")) }
        path += name.name
        let entry = Entry(
          path: path, name: name.name, folder: next.path, kind: TreeRoot.kind(facts), facts: facts)
        switch try visit(entry) {
        case .leave: break
        case .remove: try TreeRoot.remove(name, facts, of: descriptor, trash: trash)
        case .enter:
          try TreeRoot.makeAccessible(name, facts, of: descriptor)
          guard entry.kind == .folder else { break }
          waiting.append(Waiting(path: path, parent: next.path, name: name))
        }
      }
    }
  }

  private struct Waiting {
    let path: [UInt8]
    let parent: [UInt8]?
    let name: CName?
  }

  private struct Opened {
    let path: [UInt8]
    let descriptor: Int32
  }

  /// A subfolder of the last folder is opened relative to it: opening nested folders from the root
  /// would take quadratic time.
  private func open(_ next: Waiting, from last: Opened) throws(FileFault) -> Int32? {
    guard let name = next.name, last.descriptor >= 0, next.parent == last.path else {
      return try root.open(next.path[...])
    }
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    let descriptor = openat(last.descriptor, name.bytes, flags)
    return descriptor >= 0 ? descriptor : try root.open(next.path[...])
  }

  /// All names are read before anything is changed.
  private func list(_ descriptor: Int32, atMost limit: Int) throws -> [CName] {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0, let stream = fdopendir(copy) else {
      throw FileFault.last("opendir", root.path)
    }
    defer { closedir(stream) }
    var names: [CName] = []
    let dots: [[CChar]] = [[46, 0], [46, 46, 0]]
    while let found = readdir(stream) {
      let name = CName(found)
      if !dots.contains(name.bytes) { names.append(name) }
      if names.count > limit { throw excess }
    }
    return names
  }
}
