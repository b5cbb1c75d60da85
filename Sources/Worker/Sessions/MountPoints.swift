// Where the sandbox shows files of this machine inside of an agent's HOME.

import Glibc
import SystemCalls
import Workflows

enum MountPoints {
  /// Whether bubblewrap can make them in a HOME that an agent had before. It follows links when it
  /// does, so a link there would have it make folders elsewhere.
  static func areClear(in home: String, _ grants: SandboxGrants?) -> Bool {
    guard let grants else { return true }
    return (grants.readable + grants.writable).allSatisfy { path in
      guard path.hasPrefix("~/") else { return true }
      var source = stat()
      // What is not there is not shown.
      guard stat(Sandbox.mount(path, home: home).source, &source) == 0 else { return true }
      return isClear(
        Array(path.dropFirst(2).utf8), TreeRoot(path: home),
        isFolder: source.st_mode & S_IFMT == S_IFDIR)
    }
  }

  /// - Parameters:
  ///   - path: within the HOME.
  ///   - isFolder: whether a folder is shown there, and not a file.
  static func isClear(_ path: [UInt8], _ home: TreeRoot, isFolder: Bool) -> Bool {
    let parts = path.split(separator: UInt8(ascii: "/"))
    guard !parts.contains([UInt8(ascii: "."), UInt8(ascii: ".")]) else { return false }
    for end in parts.indices {
      let entry = Array(parts[...end].joined(separator: [UInt8(ascii: "/")]))
      do {
        guard let facts = try home.facts(entry) else { return true }
        let isLast = end == parts.indices.last
        let wanted: TreeRoot.Kind = isLast && !isFolder ? .file : .folder
        guard TreeRoot.kind(facts) == wanted else { return false }
      } catch {
        return false
      }
    }
    return true
  }
}
