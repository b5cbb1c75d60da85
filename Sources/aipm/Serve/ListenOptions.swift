import ArgumentParser
import NetworkRules
import Server
import Text

/// Where the server listens, and who may connect.
struct ListenOptions: ParsableArguments {
  @Option(help: "The address to listen on (127.0.0.1).")
  var host: String?
  @Option(help: "The port to listen on (8080); 0 takes a free one.")
  var port: Int?
  @Option(
    help: ArgumentHelp(
      "Who may use the API: any process of this machine, or requests with a token only (open).",
      valueName: "open|token"))
  var access: String?
  @Option(
    help: ArgumentHelp(
      "The address that browsers use if a reverse proxy is in front, such as "
        + "https://aipm.example (none).", valueName: "url"))
  var publicURL: String?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Addresses of the reverse proxies, such as 10.0.0.2 or 10.0.0.0/24. What they say of their "
        + "clients counts, and on an address beyond this machine nobody else may connect (this "
        + "machine, with --public-url).", valueName: "address"))
  var trustedProxy: [String] = []
  @Flag(
    help: ArgumentHelp(
      "Answer clients of other machines without TLS. Everybody on the network in between can read "
        + "tokens, sessions and code, and act with them."))
  var insecureHTTP = false

  /// The checked settings.
  struct Chosen {
    var host: String
    var port: Int
    var requiresToken: Bool
    /// Without a slash at its end; nil if it is not configured.
    var publicURL: WebURL?
    var proxies: TrustedProxies
    /// Whether clients of other machines come through a proxy, or also directly.
    var reach: ServerConfiguration.Reach

    /// How programs of this machine name the host in an address.
    var localHost: String {
      switch host {
      case "0.0.0.0": "127.0.0.1"
      case "::": "[::1]"
      case _: host.contains(":") ? "[\(host)]" : host
      }
    }
  }

  func put(into flags: inout GivenFlags) {
    flags.put(.host, host)
    flags.put(.port, port)
    flags.put(.access, access)
    flags.put(.publicURL, publicURL)
    flags.put(.trustedProxy, trustedProxy)
    if insecureHTTP { flags.put(.insecureHTTP, "true") }
  }

  /// - Throws: `Settings.Fault` with a remedy.
  static func read(_ settings: Settings) throws -> Chosen {
    let publicURL = try settings.value(
      .publicURL, form: "write the address of the page, such as https://aipm.example"
    ) { text in
      let url = WebURL(text.hasSuffix("/") ? String(text.dropLast()) : text)
      return url?.query == nil ? url : nil
    }
    let proxies = try settings.list(.trustedProxy).map { text in
      do throws(NetworkFault) {
        return try AddressRange(parsing: text)
      } catch { throw Settings.Fault(description: "--trusted-proxy: \(error)") }
    }
    let standard = publicURL == nil ? TrustedProxies.none : .thisMachine
    var chosen = Chosen(
      host: settings.text(.host) ?? Setting.host.standard,
      port: try settings.integer(.port, in: 0...65_535) ?? 8080,
      requiresToken: try settings.value(.access, form: "write open or token") {
        ["open": false, "token": true][$0]
      } ?? false,
      publicURL: publicURL, proxies: proxies.isEmpty ? standard : TrustedProxies(proxies),
      reach: .thisMachine)
    let isInsecure =
      try settings.value(.insecureHTTP, form: "write true or false") { Bool($0) } ?? false
    try chosen.check(names: proxies.isEmpty, isInsecure: isInsecure)
    return chosen
  }
}

extension ListenOptions.Chosen {
  /// Sets the reach, and refuses what would let clients of other machines in by accident.
  fileprivate mutating func check(names noProxy: Bool, isInsecure: Bool) throws {
    func fault(_ text: String) -> Settings.Fault { Settings.Fault(description: text) }
    guard publicURL == nil || requiresToken else {
      throw fault(
        "--public-url needs --access token: a client of a proxy is not a process of this machine")
    }
    guard noProxy || publicURL != nil else {
      throw fault("--trusted-proxy needs --public-url, the address that the proxy answers to")
    }
    guard !["127.0.0.1", "localhost", "::1"].contains(host) else { return }
    guard IPAddress(Substring(host)) != nil else {
      throw fault(
        "--host is \(host): write an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all"
      )
    }
    guard requiresToken else {
      throw fault(
        "--host is \(host), which other machines can reach: add --access token, and make an admin "
          + "token first (aipm token create NAME --role admin)")
    }
    if isInsecure {
      reach = .everybody
    } else if !noProxy, let publicURL, publicURL.isSecure {
      reach = .proxies
    } else {
      throw fault(
        "--host is \(host), which other machines can reach, and the server has no TLS of its own: "
          + "put a reverse proxy in front and name it with --trusted-proxy ADDRESS and "
          + "--public-url https://NAME; or add --insecure-http, and everybody on the network in "
          + "between can read tokens, sessions and code")
    }
  }
}
