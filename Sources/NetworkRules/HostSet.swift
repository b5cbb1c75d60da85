/// The hosts of a package registry or a forge, under a name for lists of hosts.
///
/// Some of these hosts accept uploads from anybody with a credential. npm, crates.io and GitHub
/// publish on the hosts that serve downloads. `storage.googleapis.com`, to which the Go proxy
/// redirects for larger modules, holds the buckets of all Google customers. A proxy cannot
/// distinguish downloads from uploads inside TLS, and hostile code can bring its own credential.
/// The policy's `uploadBytesMax` limits uploads. Hosts that only publish (`upload.pypi.org`) are in
/// no set.
package enum HostSet: String, CaseIterable, Sendable {
  case npm, pypi, crates, go, maven, debian, github

  /// The host names, wildcards with `*.`.
  private var hosts: [String] {
    switch self {
    // The second is Yarn 1's default, an alias of the first.
    case .npm: ["registry.npmjs.org", "registry.yarnpkg.com"]
    case .pypi: ["pypi.org", "files.pythonhosted.org"]
    case .crates: ["crates.io", "index.crates.io", "static.crates.io"]
    case .go: ["proxy.golang.org", "sum.golang.org", "storage.googleapis.com"]
    // Gradle's plugins redirect to the artifacts' host.
    case .maven:
      [
        "repo1.maven.org", "repo.maven.apache.org", "plugins.gradle.org",
        "plugins-artifacts.gradle.org",
      ]
    case .debian: ["deb.debian.org", "security.debian.org"]
    case .github:
      ["api.github.com", "codeload.github.com", "github.com", "*.githubusercontent.com"]
    }
  }

  /// Its rules, for standard ports.
  package var rules: [HostRule] {
    // Each text is a valid rule: a test parses them all.
    hosts.compactMap { try? HostRule(parsing: $0) }
  }

  /// The rules of one entry of a list of hosts, which is a set's name or a rule.
  package static func rules(of entry: String) throws(NetworkFault) -> [HostRule] {
    if let set = HostSet(rawValue: entry) { return set.rules }
    let isWord = entry.utf8.allSatisfy { (0x61...0x7a).contains($0) }
    if isWord, !entry.isEmpty {
      let names = allCases.map(\.rawValue).joined(separator: ", ")
      throw NetworkFault(
        "\"\(PrintableHost.text(entry.utf8))\" is neither a host nor a set of hosts",
        "write a host such as registry.npmjs.org, or one of \(names)")
    }
    return [try HostRule(parsing: entry)]
  }

  /// The rules of all entries of a list, in order.
  package static func rules(of entries: [String]) throws(NetworkFault) -> [HostRule] {
    var rules: [HostRule] = []
    for entry in entries { rules += try self.rules(of: entry) }
    return rules
  }
}
