import FoundationEssentials
import Glibc

/// A text file that a user named.
enum TextFile {
  /// The error, in a sentence that begins with the file's name.
  struct Fault: Error, CustomStringConvertible {
    let description: String
    /// Whether the file is absent.
    let isAbsent: Bool
  }

  /// - Throws: `Fault`.
  static func read(_ path: String) throws(Fault) -> String {
    var facts = stat()
    guard stat(path, &facts) == 0 else {
      let isAbsent = errno == ENOENT || errno == ENOTDIR
      throw Fault(
        description: isAbsent
          ? "\(path) does not exist" : "\(path) cannot be read: \(SystemWords.of(errno))",
        isAbsent: isAbsent)
    }
    guard facts.st_mode & S_IFMT != S_IFDIR else {
      throw Fault(description: "\(path) is a folder, not a file", isAbsent: false)
    }
    guard access(path, R_OK) == 0, let data = FileManager.default.contents(atPath: path) else {
      throw Fault(
        description: "\(path) cannot be read: this user has no right to", isAbsent: false)
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw Fault(description: "\(path) is not UTF-8: save it as UTF-8", isAbsent: false)
    }
    return text
  }
}

/// The system's reason for a failed call, for people.
enum SystemWords {
  /// The message of a Foundation error, with its path. Other errors describe themselves.
  static func of(_ error: any Error) -> String {
    guard let fault = error as? CocoaError else { return "\(error)" }
    let words =
      (fault.underlying as? POSIXError).map { of($0.code.rawValue) }
      ?? "the system refused it (code \(fault.code.rawValue))"
    return fault.filePath.map { "\($0): \(words)" } ?? words
  }

  static func of(_ code: Int32) -> String {
    switch code {
    case ENOENT: "there is no such file or folder"
    case ENOTDIR: "a part of its path is not a folder"
    case EISDIR: "it is a folder"
    case EACCES, EPERM: "this user has no right to"
    case ENOSPC, EDQUOT: "the disk is full"
    case EROFS: "the disk is mounted read-only"
    case ENAMETOOLONG: "its name is too long"
    case EEXIST: "it exists already"
    case ELOOP: "its path goes through too many links"
    case EIO: "the disk failed"
    case EMFILE, ENFILE: "too many files are open"
    case _: String(cString: strerror(code))
    }
  }
}
