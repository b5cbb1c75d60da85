// The part of the system's own folders that an agent sees.
//
// Of /etc it is an allow list of files that programs need: a deny list would always miss a file.
// /opt is excluded, because services keep their configuration beside their programs; folders of it
// that are on the PATH or belong to the agent are included by that.

import FoundationEssentials
import Glibc
import Processes

enum SystemFiles {
  private static let folders = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store",
  ]

  /// Files and folders of /etc, on Debian and other systems.
  private static let configuration = [
    // Users, groups and names.
    "passwd", "group", "nsswitch.conf", "hosts", "host.conf", "gai.conf", "protocols", "services",
    "networks", "rpc", "ethertypes", "os-release", "debian_version", "lsb-release",
    "redhat-release", "fedora-release", "alpine-release", "arch-release", "shells",
    // Finding and starting programs.
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld-musl-x86_64.path", "alternatives",
    "profile", "bash.bashrc", "bashrc", "inputrc",
    // Languages, time and terminals.
    "localtime", "timezone", "locale.alias", "locale.conf", "locale.gen", "default/locale",
    "terminfo", "mime.types", "magic", "magic.mime", "fonts", "papersize",
    // Trusted authorities of TLS; not keys.
    "ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "ca-certificates", "ca-certificates.conf",
    "pki/tls/certs", "pki/ca-trust", "crypto-policies",
    // Files of languages and tools; not their passwords of registries.
    "java-8-openjdk", "java-11-openjdk", "java-17-openjdk", "java-21-openjdk", "java-25-openjdk",
    "maven/m2.conf", "maven/logging", "python2.7", "python3", "python3.9", "python3.10",
    "python3.11", "python3.12", "python3.13", "perl", "emacs", "xml", "sgml", "ghc",
    "ImageMagick-6", "ImageMagick-7", "texmf", "OpenCL", "vulkan", "dictionaries-common", "groff",
    "manpath.config",
  ]

  static func options(hasMachineNetwork: Bool) -> [String] {
    var options = folders.flatMap(mirrored)
    // The names of other machines can be looked up only in the machine's own network.
    for name in configuration + (hasMachineNetwork ? ["resolv.conf"] : []) {
      options += shown("/etc/\(name)")
    }
    return options
  }

  /// Whether a path is in one of the folders that are shown completely.
  static func contain(_ path: String) -> Bool {
    folders.contains { path == $0 || path.hasPrefix("\($0)/") }
  }

  /// Shows a folder as it is, and a link as a link.
  private static func mirrored(_ folder: String) -> [String] {
    var facts = stat()
    guard lstat(folder, &facts) == 0 else { return [] }
    guard facts.st_mode & S_IFMT == S_IFLNK else { return ["--ro-bind", folder, folder] }
    let target = try? FileManager.default.destinationOfSymbolicLink(atPath: folder)
    return target.map { ["--symlink", $0, folder] } ?? []
  }

  /// Shows a link's target at the path of the link, because the target itself may not be visible. A
  /// file that is not world-readable is not shown, whatever user the worker is.
  static func shown(_ path: String) -> [String] {
    var facts = stat()
    guard stat(path, &facts) == 0, facts.st_mode & S_IROTH != 0 else { return [] }
    return ["--ro-bind-try", canonicalPath(path) ?? path, path]
  }
}
