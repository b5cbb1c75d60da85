// What an agent may reach: names, rules, policies and addresses, as values and functions.
//
// What it is for: a workflow, an agent profile, a repository's file and an operator each say a part
// of what an agent may reach. `HostRule` is one line of such a list, `NetworkPolicy` the whole with
// its mode and upload limit, `HostName` what a request may name, `IPAddress` what a name may
// resolve to. The worker's proxy asks these functions and nothing else, so the rules can be read,
// tested and fuzzed without a socket.
//
// What it promises: nothing is cleaned up. A name is taken as it stands, lower-cased, or refused;
// two programs can't read it differently, because what they could read differently (NUL, a dot at
// the end, numbers that are addresses, bytes beyond ASCII) is refused. Narrowing never widens:
// whatever `a.narrowed(by: b)` allows, both allow. An address is public only if it stands in space
// that the registries give out for global use; an address that carries another one inside is judged
// by that one too. It imports nothing: no clock, no resolver, no chance. The texts that are written
// down (rules, modes, refusal codes) are stable.
//
// How it fails: a parser throws `NetworkFault`, which says what is wrong and what to write.
// Everything else is a total function; a question that no rule answers is answered with a refusal.

/// What is wrong with a text that should name a host, a rule or a range; and what to write.
package struct NetworkFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong, with the text shown in printable ASCII.
  package var message: String
  /// What to write in its place.
  package var instead: String

  package init(_ message: String, _ instead: String) {
    self.message = message
    self.instead = instead
  }

  package var description: String { "\(message); \(instead)" }
}

/// Text of an enemy, made fit to be shown and stored.
package enum PrintableHost {
  /// The longest name that DNS knows, in bytes.
  package static let bytesMax = 253

  /// Printable ASCII without spaces, at most 253 bytes; every other byte becomes `?`.
  package static func text(_ bytes: some Sequence<UInt8>) -> String {
    let shown = bytes.prefix(bytesMax).map { (0x21...0x7e).contains($0) ? $0 : UInt8(ascii: "?") }
    return String(decoding: shown, as: UTF8.self)
  }

  /// Whether a text is what `text` gives.
  package static func isPrintable(_ text: String) -> Bool {
    text.utf8.count <= bytesMax && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
  }
}

/// Why a connection or a request was refused. The raw values stand in records, on pages and in
/// answers; none ever changes.
package enum RefusalCode: String, Codable, CaseIterable, Sendable {
  /// The policy allows no network at all.
  case networkOff = "network-off"
  /// What was asked for is not a host's name (or is an address).
  case hostInvalid = "host-invalid"
  /// No rule names the host.
  case hostUnlisted = "host-unlisted"
  /// A name that is no public one (`.internal`, `.local`, `.localhost` …) and that no rule names.
  case hostSpecial = "host-special"
  /// The host is allowed, on other ports or in another way.
  case portUnlisted = "port-unlisted"
  /// The name has no address.
  case nameUnresolved = "name-unresolved"
  /// All addresses of the name are private, loopback, link-local or otherwise not public.
  case addressRefused = "address-refused"
  /// The name leads to AIPM itself.
  case addressOwn = "address-own"
  /// No address took the connection in time.
  case connectFailed = "connect-failed"
  /// TLS was required and something else came.
  case tlsMissing = "tls-missing"
  /// The server name within TLS is not the one that was asked for, or is hidden.
  case tlsName = "tls-name"
  /// The request can be read in two ways, or not at all.
  case requestInvalid = "request-invalid"
  /// The head of the request did not come in time or is too long.
  case headLimit = "head-limit"
  /// The attempt has uploaded what it may.
  case uploadLimit = "upload-limit"
  /// The attempt has as many connections as it may.
  case connectionLimit = "connection-limit"
  /// The model's key stood in an answer, where it was covered.
  case keyEchoed = "key-echoed"
}
