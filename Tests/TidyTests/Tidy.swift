// The rules that the compiler cannot hold, as tests.
//
// Each rule is a function of sources to findings, so that it is tested itself on small bad samples
// (`RuleTests`): a rule that finds nothing there could not fail. `TidyTests` then applies every
// rule to this package's own files. A finding names file and line, as a compiler does.
//
// Rules that speak of code read it with comments and literals blanked out (`MaskedSwift`), so that
// a word in a sentence is no finding. They are no parser: where one has to guess, it guesses so
// that the rare false alarm is silenced by writing plainer code.

import Foundation

/// What a rule has to say about one line.
struct Finding: Equatable, CustomStringConvertible {
  var file: String
  /// Counted from 1.
  var line: Int
  var message: String

  var description: String { "\(file):\(line): \(message)" }
}

/// A source file with its path from the package's root.
struct SourceFile {
  let path: String
  let lines: [String]
  /// The lines without what comments and literals say; as many, each as long in bytes.
  let code: [String]

  init(path: String, text: String) {
    self.path = path
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    code = MaskedSwift.mask(text)
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  /// The module that it belongs to: `Sources/MODULE/…` or `Tests/MODULE/…`.
  var module: String {
    let parts = path.split(separator: "/")
    return parts.count > 2 ? String(parts[1]) : ""
  }

  var isProduct: Bool { path.hasPrefix("Sources/") }

  /// A finding at an index of `lines`.
  func finding(_ index: Int, _ message: String) -> Finding {
    Finding(file: path, line: index + 1, message: message)
  }
}

/// The package whose tests these are.
enum ThisPackage {
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Every Swift file under Sources and Tests, and the manifest, by path.
  static func swiftFiles() throws -> [SourceFile] {
    var files = [try file("Package.swift")]
    for folder in ["Sources", "Tests"] {
      for name in Self.files(below: folder) where name.hasSuffix(".swift") {
        files.append(try file("\(folder)/\(name)"))
      }
    }
    return files.sorted { $0.path < $1.path }
  }

  static func file(_ path: String) throws -> SourceFile {
    let text = try String(contentsOf: root.appending(path: path), encoding: .utf8)
    return SourceFile(path: path, text: text)
  }

  /// The files in a folder and in those below it, by their path from there.
  static func files(below folder: String) -> [String] {
    let top = root.appending(path: folder)
    let names = FileManager.default.enumerator(atPath: top.path)?.compactMap { $0 as? String } ?? []
    return names.filter { name in
      var isFolder: ObjCBool = false
      let path = top.appending(path: name).path
      return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        && !isFolder.boolValue
    }
  }

  /// What a folder holds; the top level where `folder` is empty.
  static func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)
  }
}
