// What a git command gets that calls the forge: the credential, and the way there.

import FoundationEssentials

extension GitMirrors {
  /// The credential, for this address alone, and no other way of transport.
  func remoteSettings(
    _ url: String, token: String
  ) -> [(key: String, value: String)] {
    let basic = Data("x-access-token:\(token)".utf8).base64EncodedString()
    let authorities = configuration.authoritiesFile.map { [("http.sslCAInfo", $0)] } ?? []
    return Self.durability + authorities + [
      ("http.\(url).extraHeader", "Authorization: Basic \(basic)"),
      // git would go on to another host with the header; the API names the right address.
      ("http.followRedirects", "false"),
      ("protocol.allow", "never"), ("protocol.http.allow", "always"),
      ("protocol.https.allow", "always"),
      // A connection that stands still is given up long before the time limit.
      ("http.lowSpeedLimit", "1"), ("http.lowSpeedTime", "45"),
    ]
  }

  /// The way out as this process has it: proxies, never to this machine, and authorities.
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
