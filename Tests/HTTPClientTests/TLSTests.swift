import HTTPClient
import Processes
import Testing

/// `openssl s_server` with its own certificate.
struct TLSServer: Sendable {
  let port: Int
  /// The certificate that a client has to trust.
  let certificate: String

  static func run(_ body: @escaping @Sendable (TLSServer) async throws -> Void) async throws {
    let files = try await CertificateFiles.new()
    defer { files.remove() }
    let server = Command(
      "openssl",
      [
        "s_server", "-accept", "127.0.0.1:0", "-www", "-key", files.key, "-cert",
        files.certificate,
      ],
      timeout: .seconds(60))
    let (value, _) = try await server.converse { _, output in
      var said = ""
      for try await chunk in output {
        said += String(decoding: chunk, as: UTF8.self)
        // "ACCEPT 127.0.0.1:40001"
        guard let line = said.split(separator: "\n").first(where: { $0.hasPrefix("ACCEPT ") }),
          said.hasSuffix("\n"), let port = line.split(separator: ":").last.flatMap({ Int($0) })
        else { continue }
        try await body(TLSServer(port: port, certificate: files.certificate))
        throw CancellationError()
      }
    }
    guard case .failure(let error) = value, error is CancellationError else {
      try value.get()
      return
    }
  }
}

@Suite struct TLSTests {
  @Test func onlyATrustedServerIsUsed() async throws {
    try await TLSServer.run { server in
      let request = HTTPRequest(url: "https://127.0.0.1:\(server.port)/")
      let found = try #require(await fault(of: request))
      #expect(found.kind == .unreachable)
      #expect(!found.wasSent)
      #expect(found.detail.lowercased().contains("certificate"))
      let client = HTTPClient(
        configuration: .init(
          userAgent: "aipm-tests", authoritiesFile: server.certificate, proxy: .none))
      #expect(try await client.send(request).status == 200)
      // The certificate is for the address, not for the name.
      let named = HTTPRequest(url: "https://localhost:\(server.port)/")
      #expect(await fault(of: named, client: client)?.kind == .unreachable)
    }
  }
}
