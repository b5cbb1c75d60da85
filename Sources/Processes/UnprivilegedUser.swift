// Switches to a user with few permissions, in a mount namespace with the files that it needs.
//
// Purpose: if AIPM was started as root, its workers, and with them all agents, run as another user.
// Data folders, programs and toolchains are often below folders that only root may enter (/root, or
// what `mktemp -d` makes). Opening those to everybody would be wrong, so the process gets a mount
// namespace: an empty folder covers the first folder that the user cannot enter, and only the
// requested paths are mounted in it, at their own paths. Root does all this before the process
// becomes the user.
//
// Guarantees: no file's mode or owner is changed here, so files that the user may not read stay
// unreadable. Other processes see no change.
//
// Failures: if the kernel refuses a mount namespace, `show` throws and nothing has changed;
// `closed` names the folder that blocks the path.

import CProcess
import Glibc
import Text

/// The absolute path without links, by realpath(3); nil if there is no such file.
package func canonicalPath(_ path: String) -> String? {
  guard let resolved = realpath(path, nil) else { return nil }
  defer { free(resolved) }
  return String(cString: resolved)
}

/// A user of this machine other than root.
package struct UnprivilegedUser: Equatable, Sendable {
  package let name: String
  package let id: UInt32
  package let group: UInt32
  package let home: String

  /// The user cannot be found, or the process cannot become it.
  package struct Fault: Error, CustomStringConvertible {
    package let description: String
  }

  /// The variable that names the user to the executed program.
  package static let mark = "AIPM_WORKER_BECAME"

  /// The variable with the home of the user who started AIPM.
  package static let homeMark = "AIPM_WORKER_HOME"

  /// The home for `~/…` in flags and workflows: that of the user who started this program.
  package static var startersHome: String {
    for name in [homeMark, "HOME"] {
      if let home = getenv(name).map({ String(cString: $0) }), !home.isEmpty { return home }
    }
    return "/root"
  }

  /// The users for workers if none is configured: the first that exists is taken.
  package static let defaults = ["aipm-worker", "aipm", "nobody"]

  /// Looks up the user.
  /// - Parameter wanted: a name; nil for the first of `defaults`.
  package static func find(_ wanted: String?) throws(Fault) -> UnprivilegedUser {
    for name in wanted.map({ [$0] }) ?? defaults {
      guard let entry = getpwnam(name)?.pointee else { continue }
      guard entry.pw_uid != 0 else {
        throw Fault(description: "the user \(name) is root: choose another one")
      }
      return UnprivilegedUser(
        name: name, id: entry.pw_uid, group: entry.pw_gid,
        home: entry.pw_dir.map { String(cString: $0) } ?? "/")
    }
    let names = wanted ?? defaults.joined(separator: ", ")
    throw Fault(
      description: "this machine has no user \(names): create one, for example with "
        + "useradd --system aipm-worker")
  }

  // MARK: Permissions

  /// The first folder above a path that the user cannot enter, by its mode; nil if absent.
  package func closed(above path: String) -> String? {
    var folder = ""
    for part in path.split(separator: "/").dropLast() {
      folder += "/\(part)"
      if !mayEnter(folder) { return folder }
    }
    return nil
  }

  private func mayEnter(_ folder: String) -> Bool {
    var facts = stat()
    guard stat(folder, &facts) == 0 else { return true }
    let bit: UInt32 = facts.st_uid == id ? 0o100 : facts.st_gid == group ? 0o010 : 0o001
    return facts.st_mode & bit != 0
  }

  // MARK: Mounts

  /// Gives the calling thread a mount namespace in which the user can reach these paths. The
  /// program that this thread executes next inherits it.
  /// - Parameter paths: absolute; missing ones are ignored.
  /// - Throws: if the kernel refuses.
  package func show(_ paths: [String]) throws(Fault) {
    guard cprocess_own_mounts() == 0 else { throw Self.last("a mount namespace") }
    let before = umask(0o022)
    defer { umask(before) }
    var wanted = Set(paths.filter { $0.hasPrefix("/") && access($0, F_OK) == 0 })
    wanted.formUnion(wanted.compactMap(canonicalPath))
    // A folder that is shown can contain another closed one, which the next round covers.
    for _ in 0..<16 {
      let closed = Set(wanted.compactMap { self.closed(above: $0) })
      guard !closed.isEmpty else { return }
      let outermost = closed.filter { folder in
        !closed.contains { folder != $0 && folder.hasPrefix("\($0)/") }
      }
      for folder in outermost.sorted() {
        try Self.cover(folder, showing: wanted.filter { $0.hasPrefix("\(folder)/") })
      }
    }
    throw Fault(description: "folders in folders that \(name) cannot enter, too deep to show")
  }

  private static func cover(_ folder: String, showing paths: Set<String>) throws(Fault) {
    // A path below another one is mounted with it.
    let tops = paths.filter { path in
      !paths.contains { path != $0 && path.hasPrefix("\($0)/") }
    }.sorted()
    var opened: [(path: String, descriptor: Int32, isFolder: Bool)] = []
    defer { for one in opened { close(one.descriptor) } }
    for path in tops {
      let descriptor = cprocess_hold(path)
      var facts = stat()
      guard descriptor >= 0, fstat(descriptor, &facts) == 0 else { continue }
      opened.append((path, descriptor, facts.st_mode & S_IFMT == S_IFDIR))
    }
    guard cprocess_cover(folder) == 0 else { throw last("a folder over \(folder)") }
    for (path, descriptor, isFolder) in opened {
      try makeMountPoint(path, in: folder, isFolder: isFolder)
      guard cprocess_bind(descriptor, path) == 0 else { throw last("mounting \(path)") }
    }
    guard cprocess_seal(folder) == 0 else { throw last("\(folder) read-only") }
  }

  /// Makes an empty file or folder to mount on.
  private static func makeMountPoint(
    _ path: String, in folder: String, isFolder: Bool
  ) throws(Fault) {
    var made = folder
    let parts = path.dropFirst(folder.count).split(separator: "/")
    for part in isFolder ? parts[...] : parts.dropLast() {
      made += "/\(part)"
      guard mkdir(made, 0o755) == 0 || errno == EEXIST else { throw last("the folder \(made)") }
    }
    guard !isFolder else { return }
    let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw last("the file \(path)") }
    close(file)
  }

  private static func last(_ what: String) -> Fault {
    Fault(description: "\(what): \(String(cString: strerror(errno)))")
  }

  // MARK: Becoming the user

  /// Makes the user the owner of a folder and its contents: the first time recursively, later only
  /// the direct entries that belong to root. Links are not followed.
  package func own(_ folder: String) throws(Fault) {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0, let entries = fdopendir(descriptor) else { throw Self.last(folder) }
    defer { closedir(entries) }
    var facts = stat()
    guard fstat(descriptor, &facts) == 0 else { throw Self.last(folder) }
    try own(in: descriptor, entries, deeply: facts.st_uid != id, depth: 0)
    guard fchown(descriptor, id, group) == 0 else { throw Self.last("chown \(folder)") }
  }

  private func own(
    in folder: Int32, _ entries: OpaquePointer, deeply: Bool, depth: Int
  ) throws(Fault) {
    while let entry = readdir(entries) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) + [0] }
      guard name != [0x2e, 0], name != [0x2e, 0x2e, 0] else { continue }
      let path = name.map { CChar(bitPattern: $0) }
      var facts = stat()
      guard fstatat(folder, path, &facts, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
      if deeply, facts.st_mode & S_IFMT == S_IFDIR, depth < 256 {
        let inner = openat(folder, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if inner >= 0, let innerEntries = fdopendir(inner) {
          defer { closedir(innerEntries) }
          try own(in: inner, innerEntries, deeply: true, depth: depth + 1)
        }
      }
      // A hard link to a file elsewhere keeps its owner.
      let isShared = facts.st_mode & S_IFMT == S_IFREG && facts.st_nlink > 1 && !deeply
      guard facts.st_uid != id, !isShared else { continue }
      guard fchownat(folder, path, id, group, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT else {
        throw Self.last("chown")
      }
    }
  }

  /// Becomes the user and executes a program with the same arguments and environment.
  /// - Returns: never; it throws if it fails.
  package func execute(
    _ program: String, _ arguments: [String], environment: [String: String]
  ) throws(Fault) {
    guard cprocess_become(id, group) == 0 else { throw Self.last("becoming \(name)") }
    let pointers = arguments.map { strdup($0) } + [nil]
    let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    execve(program, pointers, variables)
    throw Self.last("\(name) cannot run \(program)")
  }
}
