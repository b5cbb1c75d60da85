import Domain
import EventLog
import FoundationEssentials
import Glibc
import Projections
import Stores
import SystemCalls
import Text

/// The folder in which AIPM keeps everything, held by one server at a time.
struct DataFolder: Sendable {
  let path: String
  private let lock: any StoreLock

  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  /// What stands in a server's folder.
  static let serverFolders = [
    "secrets", "mirrors", "output", "incoming", "workers", "forge", "run",
  ]

  /// Makes the folder where it is absent and takes its lock for the life of this process.
  /// - Throws: `Fault` where another server has it, or it cannot be written.
  static func open(_ path: String) throws -> DataFolder {
    let plain = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
    let absolute =
      path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + plain
    try makeFolder(absolute)
    // Another program may have made it, for all to read.
    var facts = stat()
    if stat(absolute, &facts) == 0, facts.st_uid == geteuid(), facts.st_mode & 0o066 != 0 {
      chmod(absolute, 0o700)
    }
    for folder in serverFolders { try makeFolder(absolute + "/" + folder) }
    let folder: DataFolder
    do {
      let lock = try StoreAccess.driver(.folder(absolute)).lock()
      folder = DataFolder(path: absolute, lock: lock)
    } catch let fault as StoreInUse {
      throw Fault(description: fault.description)
    } catch let fault as StoreFault {
      throw Fault(description: fault.description)
    }
    folder.clear("incoming")
    return folder
  }

  static func makeFolder(_ path: String) throws {
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/\(part)"
      guard mkdir(made, 0o700) != 0 else { continue }
      let code = errno
      var facts = stat()
      if stat(made, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR { continue }
      throw Fault(description: "the folder \(path) cannot be made: \(SystemWords.of(code))")
    }
  }

  /// Writes into the lock who holds it, for whoever is refused.
  func note(_ text: String) { lock.note(text) }

  /// What a former server left half done.
  private func clear(_ folder: String) {
    let directory = path + "/" + folder
    for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
      try? FileManager.default.removeItem(atPath: directory + "/" + name)
    }
  }

  /// A secret that is made once and kept, readable by the owner alone.
  func secret(_ name: String) throws -> String {
    try SecretFile(folder: path, name: "secrets/" + name).value()
  }

  /// Replaces a file of the folder, whole and durably, readable by the owner alone.
  func write(_ text: String, to name: String) throws {
    try Self.write(text, to: path + "/" + name)
  }

  /// Replaces a file, whole and durably, readable by the owner alone.
  static func write(_ text: String, to target: String) throws {
    do throws(FileFault) {
      try DurableFile.replace(target, with: text.utf8)
    } catch { throw Fault(description: error.description) }
  }

  func read(_ name: String) throws -> String? {
    try Self.text(of: path + "/" + name)?.trimmedEnd
  }

  /// Longer than any file that AIPM keeps a line in.
  private static let textBytesMax = 64 << 10

  /// - Returns: nil if there is no such file.
  /// - Throws: `Fault` if there is one and it cannot be read, or holds no text.
  static func text(of path: String) throws -> String? {
    let bytes: [UInt8]
    do throws(FileFault) {
      bytes = try DurableFile.read(path, atMost: textBytesMax + 1)
    } catch {
      if error.code == ENOENT { return nil }
      throw Fault(description: error.description)
    }
    guard bytes.count <= textBytesMax else {
      throw Fault(description: "\(path) is too long: it is to hold one line")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Fault(description: "\(path) holds bytes that are no text")
    }
    return text
  }
}

/// A secret in a file of its own, made at random the first time it is wanted.
struct SecretFile {
  let folder: String
  let name: String

  /// - Throws: `DataFolder.Fault` if the file is there and cannot be read: another secret in its
  ///   place would lock out whoever has the one that it holds.
  func value() throws -> String {
    try DataFolder.makeFolder(folder)
    let file = folder + "/" + name
    if let known = try DataFolder.text(of: file)?.trimmedEnd, !known.isEmpty { return known }
    let secret = Hex.encode((0..<32).map { _ in UInt8.random(in: 0...255) })
    try DataFolder.write(secret + "\n", to: file)
    return secret
  }
}
