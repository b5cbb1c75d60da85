import Foundation
import Processes
import Testing

/// A key, and a certificate for 127.0.0.1 that it signed itself, in a folder of their own.
struct CertificateFiles: Sendable {
  private let folder: String

  var key: String { "\(folder)/key.pem" }
  var certificate: String { "\(folder)/certificate.pem" }

  static func new() async throws -> CertificateFiles {
    let folder = FileManager.default.temporaryDirectory.path + "/aipm-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let files = CertificateFiles(folder: folder)
    let made = try await Command(
      "openssl",
      [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=aipm",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files.key, "-out",
        files.certificate,
      ], timeout: .seconds(60)
    ).run()
    try #require(made.succeeded, "\(made.errorText)")
    return files
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }
}
