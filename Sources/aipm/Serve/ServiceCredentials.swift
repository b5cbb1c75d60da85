import Text

/// The credentials that the service manager passes as files, such as those of `LoadCredential=` in
/// a systemd unit (systemd.exec(5)). A file without text counts as absent: a unit that names a
/// credential needs a default for it.
struct ServiceCredentials {
  /// The environment variable of their folder.
  static let variable = "CREDENTIALS_DIRECTORY"
  /// The private key of a GitHub App, as a file.
  static let githubAppKey = "github-app-key"

  private let folder: String?
  private let texts: [String: String]

  /// No credentials.
  init() {
    folder = nil
    texts = [:]
  }

  /// - Parameter names: of the credentials to read.
  /// - Throws: if one of them cannot be read. A server must not start without its secret.
  init(_ environment: [String: String], names: [String]) throws(Settings.Fault) {
    folder = environment[Self.variable].flatMap { $0.isEmpty ? nil : $0 }
    var texts: [String: String] = [:]
    for name in names {
      guard let folder else { break }
      do throws(TextFile.Fault) {
        let text = try TextFile.read("\(folder)/\(name)").trimmedEnd
        if !text.isEmpty { texts[name] = text }
      } catch {
        guard !error.isAbsent else { continue }
        throw Settings.Fault(description: "the credential \(name): \(error)")
      }
    }
    self.texts = texts
  }

  /// The name of the credential that replaces an environment variable: `github-token` for
  /// `AIPM_GITHUB_TOKEN`.
  static func name(of variable: String) -> String {
    variable.dropFirst("AIPM_".count).lowercased().replacing("_", with: "-")
  }

  /// The content, without the end of its last line; nil if it is absent or empty.
  func text(_ name: String) -> String? { texts[name] }

  /// The path of its file; nil if it is absent or empty.
  func file(_ name: String) -> String? {
    texts[name] == nil ? nil : folder.map { "\($0)/\(name)" }
  }
}
