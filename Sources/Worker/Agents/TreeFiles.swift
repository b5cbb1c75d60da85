// Files of a working tree, read and written for an agent that asks for it over its protocol. The
// agent may be locked up, and this process is not, so nothing here leaves the tree: the path is
// walked part by part, and no link is followed.

import Glibc

struct TreeFiles: Sendable {
  /// The tree; absolute.
  let root: String

  /// A larger file is not read.
  static let bytesMax = 2 << 20

  enum Fault: Error, Equatable, Sendable {
    case outside(String)
    case notFound(String)
    case unfit(String)
  }

  /// The text of a file.
  /// - Parameters:
  ///   - line: the first line, counted from 1.
  ///   - limit: how many lines.
  func read(_ path: String, line: Int?, limit: Int?) throws(Fault) -> String {
    let file = try open(path, O_RDONLY | O_NONBLOCK, makesFolders: false)
    defer { close(file) }
    var facts = stat()
    guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
      throw .unfit("\(path) is no plain file")
    }
    guard facts.st_size <= Self.bytesMax else {
      throw .unfit("\(path) is larger than \(Self.bytesMax >> 20) MiB")
    }
    var bytes = [UInt8](repeating: 0, count: Self.bytesMax + 1)
    var length = 0
    while length < bytes.count {
      let count = bytes.withUnsafeMutableBytes { all in
        Glibc.read(file, all.baseAddress.map { $0 + length }, all.count - length)
      }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .unfit("\(path) cannot be read") }
      if count == 0 { break }
      length += count
    }
    let text = String(decoding: bytes.prefix(length), as: UTF8.self)
    guard line != nil || limit != nil else { return text }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let from = max(0, (line ?? 1) - 1)
    return lines.dropFirst(from).prefix(max(0, limit ?? lines.count)).joined(separator: "\n")
  }

  /// Replaces a file, or makes it with the folders above it.
  func write(_ path: String, _ text: String) throws(Fault) {
    let file = try open(path, O_WRONLY | O_CREAT | O_NONBLOCK, makesFolders: true)
    defer { close(file) }
    var facts = stat()
    guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, ftruncate(file, 0) == 0
    else { throw .unfit("\(path) is no plain file") }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .unfit("\(path) cannot be written") }
      rest = rest.dropFirst(count)
    }
  }

  /// The path within the tree; nil where it is not in it.
  func relative(_ path: String) -> String? {
    guard path.hasPrefix(root + "/") else { return nil }
    return String(path.dropFirst(root.utf8.count + 1))
  }

  private func open(
    _ path: String, _ flags: Int32, makesFolders: Bool
  ) throws(Fault) -> Int32 {
    guard let inner = relative(path), !inner.utf8.contains(0) else { throw .outside(path) }
    let parts = inner.split(separator: "/").map { String($0) }
    guard let name = parts.last, !parts.contains("."), !parts.contains("..") else {
      throw .outside(path)
    }
    var folder = Glibc.open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw .notFound(path) }
    for part in parts.dropLast() {
      let step = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
      var next = openat(folder, part, step)
      if next < 0, errno == ENOENT, makesFolders, mkdirat(folder, part, 0o755) == 0 {
        next = openat(folder, part, step)
      }
      let cause = errno
      close(folder)
      guard next >= 0 else { throw fault(path, cause) }
      folder = next
    }
    defer { close(folder) }
    let file = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw fault(path, errno) }
    return file
  }

  private func fault(_ path: String, _ cause: Int32) -> Fault {
    switch cause {
    case ENOENT: .notFound(path)
    case ELOOP, ENOTDIR: .outside(path)
    default: .unfit("\(path): \(String(cString: strerror(cause)))")
    }
  }
}
