/// The hosts of a package registry or a forge, under a name that a list of hosts may hold.
///
/// Some of these hosts take uploads from whoever brings a credential: npm, crates.io and GitHub
/// publish on the host that they serve from, and `storage.googleapis.com`, to which the Go proxy
/// redirects for larger modules, holds everybody's buckets. Inside TLS a proxy can't tell a
/// download from an upload, and hostile code can bring a credential of its own; what bounds an
/// upload is the policy's `uploadBytesMax`. Hosts whose only use is publishing (`upload.pypi.org`)
/// are in no set.
package enum HostSet: String, CaseIterable, Sendable {
  case npm, pypi, crates, go, maven, debian, github

  /// The names of its hosts, wildcards with `*.`.
  private var hosts: [String] {
    switch self {
    // The second is Yarn 1's default, an alias of the first.
    case .npm: ["registry.npmjs.org", "registry.yarnpkg.com"]
    case .pypi: ["pypi.org", "files.pythonhosted.org"]
    case .crates: ["crates.io", "index.crates.io", "static.crates.io"]
    case .go: ["proxy.golang.org", "sum.golang.org", "storage.googleapis.com"]
    // Gradle's plugins are served by way of a redirect to the artifacts' host.
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
    // Each text is a rule: a test reads them all.
    hosts.compactMap { try? HostRule(parsing: $0) }
  }

  /// What an entry of a list of hosts stands for: a set's name, or a rule.
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

  /// What all entries of a list stand for, in their order.
  package static func rules(of entries: [String]) throws(NetworkFault) -> [HostRule] {
    var rules: [HostRule] = []
    for entry in entries { rules += try self.rules(of: entry) }
    return rules
  }
}
