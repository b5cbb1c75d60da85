// Reads and writes files of a working tree for an agent that requests it by its protocol. The agent
// may be in a sandbox, and this process is not, so no access leaves the tree: the path is followed
// part by part from the tree's folder, and so are the targets of links.
//
// Names are bytes. A file is read as text or not at all: a file that is not UTF-8 would be returned
// with other bytes, and the agent's next edit would write those.

import Glibc

struct TreeFiles: Sendable {
  /// The tree; absolute.
  let root: String

  /// A larger file is not read.
  static let bytesMax = 2 << 20
  /// The number of links that Linux follows in a path (path_resolution(7)).
  private static let linksMax = 40
  private static let depthMax = 200

  enum Fault: Error, Equatable, Sendable {
    case outside(String)
    case notFound(String)
    case unfit(String)
  }

  /// The text of a file.
  /// - Parameters:
  ///   - line: the first line, counted from 1.
  ///   - limit: the number of lines.
  /// - Returns: the unchanged lines; if lines were selected, without the last line's end.
  func read(_ path: String, line: Int?, limit: Int?) throws(Fault) -> String {
    let file = try open(path, O_RDONLY | O_NONBLOCK, makesFolders: false)
    defer { close(file) }
    var facts = stat()
    guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
      throw .unfit("\(path) is not a regular file")
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
    let content = bytes.prefix(length)
    guard String(validating: content, as: UTF8.self) != nil else {
      throw .unfit(
        "\(path) is not UTF-8, so it cannot be read as text without changing it: work on its bytes "
          + "with a program")
    }
    let wanted =
      line == nil && limit == nil ? content : Self.lines(content, from: line ?? 1, limit)
    return String(decoding: wanted, as: UTF8.self)
  }

  /// Lines end with a line feed, optionally after a carriage return.
  private static func lines(
    _ content: ArraySlice<UInt8>, from line: Int, _ limit: Int?
  ) -> ArraySlice<UInt8> {
    let lineFeed = UInt8(ascii: "\n")
    var rest = content
    for _ in 1..<max(1, line) {
      guard let end = rest.firstIndex(of: lineFeed) else { return [] }
      rest = rest[(end + 1)...]
    }
    guard let limit else { return rest }
    var end = rest.startIndex
    for number in 0..<max(0, limit) {
      guard let next = rest[end...].firstIndex(of: lineFeed) else { return rest }
      guard number == limit - 1 else {
        end = next + 1
        continue
      }
      let isPair = next > rest.startIndex && rest[next - 1] == UInt8(ascii: "\r")
      return rest[..<(isPair ? next - 1 : next)]
    }
    return []
  }

  /// Replaces a file, or creates it and its parent folders.
  func write(_ path: String, _ text: String) throws(Fault) {
    let file = try open(path, O_WRONLY | O_CREAT | O_NONBLOCK, makesFolders: true)
    defer { close(file) }
    var facts = stat()
    guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG, ftruncate(file, 0) == 0
    else { throw .unfit("\(path) is not a regular file") }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .unfit("\(path) cannot be written") }
      rest = rest.dropFirst(count)
    }
  }

  /// The path within the tree; nil if it is outside.
  func relative(_ path: String) -> String? {
    inner(Array(path.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  private func inner(_ path: [UInt8]) -> ArraySlice<UInt8>? {
    let prefix = Array(root.utf8) + [Self.slash]
    return path.starts(with: prefix) ? path[prefix.count...] : nil
  }

  private static let slash = UInt8(ascii: "/")
  private static let dot = UInt8(ascii: ".")

  // MARK: Following a path

  private func open(
    _ path: String, _ flags: Int32, makesFolders: Bool
  ) throws(Fault) -> Int32 {
    guard let inner = inner(Array(path.utf8)), !inner.contains(0) else { throw .outside(path) }
    let parts = inner.split(separator: Self.slash)
    guard !parts.isEmpty, inner.last != Self.slash, !parts.contains(where: Self.isDots) else {
      throw .outside(path)
    }
    var walk = try Walk(root, path)
    defer { walk.close() }
    // The remaining parts, the next one last.
    var rest = Array(parts.reversed())
    var links = 0
    while let part = rest.popLast() {
      if part.elementsEqual([Self.dot]) { continue }
      if part.elementsEqual([Self.dot, Self.dot]) {
        guard walk.leave() else { throw .outside(path) }
        continue
      }
      let name = CName(part)
      if let target = Self.link(name, in: walk.folder) {
        links += 1
        guard links <= Self.linksMax else { throw .unfit("\(path) has too many links on its way") }
        if target.first == Self.slash {
          guard let target = self.inner(target) else { throw .outside(path) }
          walk.leaveAll()
          rest += target.split(separator: Self.slash).reversed()
        } else {
          rest += target.split(separator: Self.slash).reversed()
        }
        continue
      }
      // If the part has just been replaced by a link, it is not followed.
      if rest.isEmpty {
        let file = openat(walk.folder, name.bytes, flags | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Self.fault(path, errno) }
        return file
      }
      guard walk.count < Self.depthMax else { throw .unfit("\(path) is too deep") }
      let cause = walk.enter(name, makes: makesFolders)
      guard cause == 0 else { throw Self.fault(path, cause) }
    }
    throw .unfit("\(path) is a folder")
  }

  private static func isDots(_ part: ArraySlice<UInt8>) -> Bool {
    part.elementsEqual([dot]) || part.elementsEqual([dot, dot])
  }

  /// The target of a link; nil if it is not a link.
  private static func link(_ name: CName, in folder: Int32) -> [UInt8]? {
    var target = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlinkat(folder, name.bytes, &target, target.count)
    return count > 0 ? target.prefix(count).map { UInt8(bitPattern: $0) } : nil
  }

  private static func fault(_ path: String, _ cause: Int32) -> Fault {
    switch cause {
    case ENOENT: .notFound(path)
    case ELOOP, ENOTDIR: .outside(path)
    case EISDIR: .unfit("\(path) is a folder")
    default: .unfit("\(path): \(String(cString: strerror(cause)))")
    }
  }
}

/// The open folders from the tree's root to the current one, so that `..` leads back to where the
/// walk came from even if the agent moves folders meanwhile.
private struct Walk: ~Copyable {
  private var folders: [Int32]

  init(_ root: String, _ path: String) throws(TreeFiles.Fault) {
    let folder = Glibc.open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw .notFound(path) }
    folders = [folder]
  }

  var folder: Int32 { folders.last ?? -1 }
  var count: Int { folders.count }

  /// - Returns: 0, or the error number.
  mutating func enter(_ name: CName, makes: Bool) -> Int32 {
    let step = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
    var next = openat(folder, name.bytes, step)
    if next < 0, errno == ENOENT, makes, mkdirat(folder, name.bytes, 0o755) == 0 {
      next = openat(folder, name.bytes, step)
    }
    guard next >= 0 else { return errno }
    folders.append(next)
    return 0
  }

  /// - Returns: false at the root.
  mutating func leave() -> Bool {
    guard folders.count > 1, let last = folders.popLast() else { return false }
    Glibc.close(last)
    return true
  }

  mutating func leaveAll() { while leave() {} }

  mutating func close() {
    for folder in folders { Glibc.close(folder) }
    folders = []
  }
}
