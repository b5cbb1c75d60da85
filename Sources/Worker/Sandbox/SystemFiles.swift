// What of the system's own folders an agent sees.
//
// Of /etc it is a list of what programs need to run and nobody minds: a list of what to hide would
// be one file short for ever. /opt, where services keep their configuration beside their programs,
// is not here at all: what of it is on the PATH or belongs to the agent comes by that.

import FoundationEssentials
import Glibc
import Text

enum SystemFiles {
  private static let folders = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store",
  ]

  /// Files and folders of /etc, with those of other systems than Debian.
  private static let configuration = [
    // Who there is, and what things are called.
    "passwd", "group", "nsswitch.conf", "hosts", "host.conf", "gai.conf", "protocols", "services",
    "networks", "rpc", "ethertypes", "os-release", "debian_version", "lsb-release",
    "redhat-release", "fedora-release", "alpine-release", "arch-release", "shells",
    // How programs are found and started.
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld-musl-x86_64.path", "alternatives",
    "profile", "bash.bashrc", "bashrc", "inputrc",
    // Languages, time and terminals.
    "localtime", "timezone", "locale.alias", "locale.conf", "locale.gen", "default/locale",
    "terminfo", "mime.types", "magic", "magic.mime", "fonts", "papersize",
    // Who is trusted by TLS; keys are elsewhere.
    "ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "ca-certificates", "ca-certificates.conf",
    "pki/tls/certs", "pki/ca-trust", "crypto-policies",
    // What languages and tools look up; not where they keep the passwords of registries.
    "java-8-openjdk", "java-11-openjdk", "java-17-openjdk", "java-21-openjdk", "java-25-openjdk",
    "maven/m2.conf", "maven/logging", "python2.7", "python3", "python3.9", "python3.10",
    "python3.11", "python3.12", "python3.13", "perl", "emacs", "xml", "sgml", "ghc",
    "ImageMagick-6", "ImageMagick-7", "texmf", "OpenCL", "vulkan", "dictionaries-common", "groff",
    "manpath.config",
  ]
  /// With the machine's network an agent looks names up by itself.
  private static let nameLookUp = ["resolv.conf"]

  /// What bubblewrap is told of them.
  static func options(hasMachineNetwork: Bool) -> [String] {
    var options = folders.flatMap(mirrored)
    for name in configuration + (hasMachineNetwork ? nameLookUp : []) {
      options += shown("/etc/\(name)")
    }
    return options
  }

  /// Whether the path lies in one of the folders that are there as a whole.
  static func hold(_ path: String) -> Bool {
    folders.contains { path == $0 || path.hasPrefix("\($0)/") }
  }

  /// A folder as it is, where it is a link as a link.
  private static func mirrored(_ folder: String) -> [String] {
    var facts = stat()
    guard lstat(folder, &facts) == 0 else { return [] }
    guard facts.st_mode & S_IFMT == S_IFLNK else { return ["--ro-bind", folder, folder] }
    let target = try? FileManager.default.destinationOfSymbolicLink(atPath: folder)
    return target.map { ["--symlink", $0, folder] } ?? []
  }

  /// A path with what it links to, at the place of the link: the target may lie where nothing is
  /// shown. What not everybody may read is not shown either, whoever the worker is.
  static func shown(_ path: String) -> [String] {
    var facts = stat()
    guard stat(path, &facts) == 0, facts.st_mode & S_IROTH != 0 else { return [] }
    return ["--ro-bind-try", ProgramFinder.canonical(path) ?? path, path]
  }
}
