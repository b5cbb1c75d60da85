import FoundationEssentials
import Glibc
import SystemCalls

/// Handles files of a mirror without git.
struct MirrorFolder {
  let path: String
  private static let incoming = "aipm-incoming"

  init(_ path: String) { self.path = path }

  var parent: String { DurableFile.folder(of: path) }

  /// Removes what a killed process left: locks, incomplete packs, and packs that were not accepted.
  /// It is called before this process works on the mirror, and no other process does.
  func sweep() {
    let files = FileManager.default
    try? files.removeItem(atPath: "\(path)/\(Self.incoming)")
    for name in ["HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock"] {
      try? files.removeItem(atPath: "\(path)/\(name)")
    }
    _ = takeUnfinishedPacks()
    for name in (try? files.subpathsOfDirectory(atPath: "\(path)/refs")) ?? []
    where name.hasSuffix(".lock") {
      try? files.removeItem(atPath: "\(path)/refs/\(name)")
    }
  }

  /// Nil if the file does not exist.
  static func size(ofFile path: String) -> Int? {
    var facts = stat()
    return stat(path, &facts) == 0 ? Int(facts.st_size) : nil
  }

  /// A new empty folder of objects beside the mirror's own.
  func makeQuarantine() throws -> Quarantine {
    let objects = "\(path)/\(Self.incoming)/\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: "\(objects)/pack", withIntermediateDirectories: true)
    return Quarantine(objects: objects, mirror: path)
  }
}

/// Objects that git sees only with the environment of this quarantine.
struct Quarantine {
  let objects: String
  let mirror: String

  /// Makes git write to the quarantine, and read the mirror's objects too.
  var environment: [String: String] {
    [
      "GIT_OBJECT_DIRECTORY": objects, "GIT_ALTERNATE_OBJECT_DIRECTORIES": "\(mirror)/objects",
      "GIT_QUARANTINE_PATH": objects,
    ]
  }

  /// Moves the packs into the mirror, durably. Each index is moved after its pack, because git uses
  /// a pack as soon as it sees the index.
  func release() throws(FileFault) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(objects)/pack")) ?? []
    let order = [".pack", ".rev", ".idx"]
    for ending in order {
      for name in names where name.hasSuffix(ending) {
        try DurableFile.rename(
          "\(objects)/pack/\(name)", to: "\(mirror)/objects/pack/\(name)")
      }
      try DurableFile.syncFolder("\(mirror)/objects/pack")
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: objects) }
}
