import Cryptography
import Domain
import EventLog
import FoundationEssentials
import Glibc
import Projections
import Stores
import SystemCalls
import Text

/// The folder of AIPM's data, locked by one server at a time.
struct DataFolder: Sendable {
  let path: String
  private let lock: any StoreLock

  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  /// The file names in a server's folder.
  static let serverFolders = [
    "secrets", "mirrors", "output", "incoming", "workers", "forge", "run", "deliveries",
  ]

  /// Makes the folder if absent and locks it for the life of this process.
  /// - Throws: `Fault` if another server has it, or it cannot be written.
  static func open(_ path: String) throws -> DataFolder {
    let plain = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
    let absolute =
      path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + plain
    try makeFolder(absolute)
    // Another program may have made it, readable for all.
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

  /// Writes the holder into the lock, for processes that are refused.
  func note(_ text: String) { lock.note(text) }

  /// Removes incomplete files of an earlier server.
  private func clear(_ folder: String) {
    let directory = path + "/" + folder
    for name in (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? [] {
      try? FileManager.default.removeItem(atPath: directory + "/" + name)
    }
  }

  /// A secret that is made once and kept, readable by its owner alone.
  func secret(_ name: String) throws -> String {
    try SecretFile(folder: path, name: "secrets/" + name).value()
  }

  /// Replaces a file of the folder, as a whole and durably, readable by its owner alone.
  func write(_ text: String, to name: String) throws {
    try Self.write(text, to: path + "/" + name)
  }

  /// Replaces a file, as a whole and durably, readable by its owner alone.
  static func write(_ text: String, to target: String) throws {
    do throws(FileFault) {
      try DurableFile.replace(target, with: text.utf8)
    } catch { throw Fault(description: error.description) }
  }

  func read(_ name: String) throws -> String? {
    try Self.text(of: path + "/" + name)?.trimmedEnd
  }

  /// Longer than any one-line file of AIPM.
  private static let textBytesMax = 64 << 10

  /// - Returns: nil if the file is absent.
  /// - Throws: `Fault` if the file cannot be read, or is not text.
  static func text(of path: String) throws -> String? {
    let bytes: [UInt8]
    do throws(FileFault) {
      bytes = try DurableFile.read(path, atMost: textBytesMax + 1)
    } catch {
      if error.code == ENOENT { return nil }
      throw Fault(description: error.description)
    }
    guard bytes.count <= textBytesMax else {
      throw Fault(description: "\(path) is too long: it must contain one line")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Fault(description: "\(path) is not UTF-8 text")
    }
    return text
  }
}

/// A secret in its own file, randomly made on first use.
struct SecretFile {
  let folder: String
  let name: String

  /// - Throws: `DataFolder.Fault` if the file exists and cannot be read. A new secret would lock
  ///   out the users of the old one.
  func value() throws -> String {
    try DataFolder.makeFolder(folder)
    let file = folder + "/" + name
    if let known = try DataFolder.text(of: file)?.trimmedEnd, !known.isEmpty { return known }
    let secret = randomHex(bytes: 32)
    try DataFolder.write(secret + "\n", to: file)
    return secret
  }
}
