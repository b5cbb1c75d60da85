// Settings and environment of git commands that connect to the forge.

import ForgePort
import FoundationEssentials

extension GitMirrors {
  /// The password, for this address only, and no transport other than HTTP.
  func remoteSettings(
    _ url: String, _ login: GitLogin
  ) -> [(key: String, value: String)] {
    let basic = Data("\(login.user):\(login.password)".utf8).base64EncodedString()
    let authorities = configuration.authoritiesFile.map { [("http.sslCAInfo", $0)] } ?? []
    return Self.durability + authorities + [
      ("http.\(url).extraHeader", "Authorization: Basic \(basic)"),
      // git would send the header to another host too. The API names the right address.
      ("http.followRedirects", "false"),
      ("protocol.allow", "never"), ("protocol.http.allow", "always"),
      ("protocol.https.allow", "always"),
      // A stalled connection ends long before the time limit.
      ("http.lowSpeedLimit", "1"), ("http.lowSpeedTime", "45"),
    ]
  }

  /// This process's proxies, except for addresses of this machine, and its authorities.
  static func network(_ url: String, _ trace: CurlTrace) -> [String: String] {
    let authorities = ["SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"]
    let proxies = ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    let exceptions = ["no_proxy", "NO_PROXY"]
    let isLocal = ["http://127.", "http://localhost", "http://[::1]"].contains {
      url.hasPrefix($0)
    }
    let names = Set(authorities + (isLocal ? [] : proxies + exceptions))
    return ProcessInfo.processInfo.environment.filter { names.contains($0.key) }
      .merging(trace.environment) { $1 }
  }
}
