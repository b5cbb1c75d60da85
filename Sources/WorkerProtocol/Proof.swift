// How a worker and its server prove their identity to each other without sending a secret.
//
// Both know a key that is derived from the worker's token. A request carries an HMAC over its
// method, target, worker, time, nonce and the digest of its body. The response carries one over the
// request's nonce, its status and the digest of its body. So a process that takes over the server's
// address learns no token, and workers ignore its responses. A recorded request is refused the
// second time, by its nonce and its time. The proof encrypts nothing: between machines, TLS does.
//
// A request:   Authorization: AIPM-HMAC-SHA256 worker=W,key=K,time=T,nonce=N,body=D,proof=P
// A response:  Aipm-Proof: time=T,body=D,proof=P
//
// K names the token: the first 32 hexadecimal digits of SHA-256("aipm-token-id\n" + token). The key
// is SHA-256 of the token's text. T is in milliseconds since 1970, D is SHA-256 of the body in hex
// (`stream` in the response of `fetch`, whose pack is checked by git's own object names), N is 32
// hexadecimal digits. P is HMAC-SHA256, in hex, of these lines, each ended by a line feed:
//
//   request:   aipm-worker-request-2, W, K, T, N, METHOD, TARGET, D
//   response:  aipm-worker-response-2, N, T, STATUS, D
//
// TARGET is the path from `/worker/` on, with its query.

import Cryptography
import Text

/// A worker's key, and the key's name in requests.
package struct WorkerKey: Equatable, Sendable {
  package let id: String
  package let secret: [UInt8]

  /// The key of a token's text.
  package init(token: String) {
    id = String(SHA256.hex("aipm-token-id\n".utf8 + Array(token.utf8)).prefix(32))
    secret = SHA256.hash(token.utf8)
  }

  package init(id: String, secret: [UInt8]) {
    self.id = id
    self.secret = secret
  }

  /// Whether the text is a valid name of a key. Then it is also a safe file name.
  package static func isID(_ text: String) -> Bool { text.utf8.count == 32 && isHex(text) }
}

/// The proof of a request.
package struct RequestProof: Equatable, Sendable {
  package static let scheme = "AIPM-HMAC-SHA256"

  package var worker: String
  /// `WorkerKey.id`
  package var key: String
  /// Milliseconds since 1970, by the worker's clock.
  package var time: Int64
  package var nonce: String
  /// The SHA-256 of the body, in hex.
  package var body: String
  private var proof: String

  /// Proves a request.
  /// - Parameter target: the path from `/worker/` on, with its query.
  package init(
    _ key: WorkerKey, worker: String, method: String, target: String, body: String, time: Int64,
    nonce: String = RequestProof.freshNonce()
  ) {
    self.worker = worker
    self.key = key.id
    self.time = time
    self.nonce = nonce
    self.body = body
    proof = ""
    proof = Hex.encode(
      HMACSHA256.code(for: message(method: method, target: target), key: key.secret))
  }

  /// Reads the value of `Authorization`; nil if it is invalid or of another scheme.
  package init?(header: String) {
    let prefix = "\(Self.scheme) "
    guard header.hasPrefix(prefix), header.utf8.count < 1000 else { return nil }
    let fields = proofFields(header.dropFirst(prefix.count))
    guard let worker = fields["worker"], isWorkerName(worker), let key = fields["key"],
      WorkerKey.isID(key), let time = fields["time"].flatMap({ Int64($0) }),
      let nonce = fields["nonce"], nonce.utf8.count == 32, isHex(nonce), let body = fields["body"],
      body.utf8.count == 64, isHex(body), let proof = fields["proof"]
    else { return nil }
    self.worker = worker
    self.key = key
    self.time = time
    self.nonce = nonce
    self.body = body
    self.proof = proof
  }

  package var header: String {
    "\(Self.scheme) worker=\(worker),key=\(key),time=\(time),nonce=\(nonce),body=\(body),"
      + "proof=\(proof)"
  }

  /// Whether the sender has the key and made the proof for this call.
  package func isValid(_ key: WorkerKey, method: String, target: String) -> Bool {
    guard key.id == self.key, let code = Hex.decode(proof) else { return false }
    return HMACSHA256.isValid(
      code, for: message(method: method, target: target), key: key.secret)
  }

  private func message(method: String, target: String) -> [UInt8] {
    lines("aipm-worker-request-2", worker, key, "\(time)", nonce, method, target, body)
  }

  /// 16 random bytes of the system, in hex.
  package static func freshNonce() -> String {
    randomHex(bytes: 16)
  }
}

/// The proof of a response.
package struct ResponseProof: Equatable, Sendable {
  /// The name of its header field.
  package static let field = "Aipm-Proof"
  /// Replaces the digest if the body is generated while it is sent.
  package static let streamed = "stream"

  /// Milliseconds since 1970, by the server's clock.
  package var time: Int64
  /// The SHA-256 of the body, in hex, or `streamed`.
  package var body: String
  private var proof: String

  /// Proves a response to the request with this nonce.
  package init(_ key: WorkerKey, nonce: String, status: Int, body: String, time: Int64) {
    self.time = time
    self.body = body
    proof = ""
    proof = Hex.encode(
      HMACSHA256.code(for: message(nonce: nonce, status: status), key: key.secret))
  }

  /// Reads the value of `Aipm-Proof`; nil if it is malformed.
  package init?(header: String) {
    guard header.utf8.count < 1000 else { return nil }
    let fields = proofFields(header[...])
    guard let time = fields["time"].flatMap({ Int64($0) }), let body = fields["body"],
      let proof = fields["proof"]
    else { return nil }
    self.time = time
    self.body = body
    self.proof = proof
  }

  package var header: String { "time=\(time),body=\(body),proof=\(proof)" }

  /// Whether the sender has the key and answers the request with this nonce.
  package func isValid(_ key: WorkerKey, nonce: String, status: Int) -> Bool {
    guard let code = Hex.decode(proof) else { return false }
    return HMACSHA256.isValid(
      code, for: message(nonce: nonce, status: status), key: key.secret)
  }

  private func message(nonce: String, status: Int) -> [UInt8] {
    lines("aipm-worker-response-2", nonce, "\(time)", "\(status)", body)
  }
}

/// A name that is valid in a header, a path and a file's name: 1 to 100 of a-z A-Z 0-9 . _ -
package func isWorkerName(_ text: String) -> Bool {
  (1...100).contains(text.utf8.count) && text != "." && text != ".."
    && text.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
        || (0x61...0x7a).contains(byte) || ".-_".utf8.contains(byte)
    }
}

private func isHex(_ text: String) -> Bool {
  text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
}

private func lines(_ parts: String...) -> [UInt8] {
  parts.flatMap { Array($0.utf8) + [UInt8(ascii: "\n")] }
}

private func proofFields(_ text: Substring) -> [String: String] {
  var fields: [String: String] = [:]
  for part in text.split(separator: ",") {
    let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard pair.count == 2 else { continue }
    fields[pair[0].filter { $0 != " " }] = String(pair[1])
  }
  return fields
}
