// The network rules for agents: names, rules, policies and addresses, as values and functions.
//
// Purpose: a workflow, an agent profile, a repository's file and an operator each say a part of
// what an agent may reach. `HostRule` is one line of such a list. `NetworkPolicy` is the whole list
// with a mode and an upload limit. `HostName` is a name that a request may contain, `IPAddress` an
// address that it may resolve to. The worker's proxy decides by these functions alone, so the rules
// can be read, tested and fuzzed without a socket.
//
// Guarantees: names are not repaired. A name is accepted in lower case or refused. Texts that two
// programs could read differently (NUL, a trailing dot, numbers that are addresses, bytes beyond
// ASCII) are refused. Narrowing never widens: whatever `a.narrowed(by: b)` allows, both allow. An
// address is public only if it is in a globally reachable range and an address that it embeds is
// public too. The module has no clock, no resolver and no randomness. The
// texts of rules, modes and refusal codes are stable.
//
// Failures: a parser throws `NetworkFault`, which says what is wrong and what to write instead. All
// other functions are total. A connection that no rule allows is refused.

/// An invalid host, rule or range, and what to write instead.
package struct NetworkFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong, with the text shown in printable ASCII.
  package var message: String
  /// What to write instead.
  package var instead: String

  package init(_ message: String, _ instead: String) {
    self.message = message
    self.instead = instead
  }

  package var description: String { "\(message); \(instead)" }
}

/// Untrusted text, made safe to show and store.
package enum PrintableHost {
  /// The longest name in DNS, in bytes.
  package static let bytesMax = 253

  /// Printable ASCII without spaces, at most 253 bytes; every other byte becomes `?`.
  package static func text(_ bytes: some Sequence<UInt8>) -> String {
    let shown = bytes.prefix(bytesMax).map { (0x21...0x7e).contains($0) ? $0 : UInt8(ascii: "?") }
    return String(decoding: shown, as: UTF8.self)
  }

  /// Whether `text` would return a text unchanged.
  package static func isPrintable(_ text: String) -> Bool {
    text.utf8.count <= bytesMax && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
  }
}

/// A number in decimal digits without leading zeros; nil if it is another text or too large.
func decimal(_ digits: some Collection<UInt8>, atMost limit: Int) -> Int? {
  guard (1...9).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0"),
    digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
  else { return nil }
  let number = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  return number <= limit ? number : nil
}

/// Why a connection or a request was refused. The raw values are in records, on pages and in
/// responses; they never change.
package enum RefusalCode: String, Codable, CaseIterable, Sendable {
  /// The policy allows no network.
  case networkOff = "network-off"
  /// The requested host is not a valid name, or is an address.
  case hostInvalid = "host-invalid"
  /// No rule names the host.
  case hostUnlisted = "host-unlisted"
  /// A name outside the public DNS (`.internal`, `.local`, `.localhost` …) that no rule names.
  case hostSpecial = "host-special"
  /// The host is allowed, but not on this port or for this kind of connection.
  case portUnlisted = "port-unlisted"
  /// The name has no address.
  case nameUnresolved = "name-unresolved"
  /// Every address of the name is private, loopback, link-local or otherwise not public.
  case addressRefused = "address-refused"
  /// The name resolves to AIPM itself.
  case addressOwn = "address-own"
  /// No address accepted the connection in time.
  case connectFailed = "connect-failed"
  /// The client sent something else than TLS.
  case tlsMissing = "tls-missing"
  /// The server name within TLS is encrypted, or is not the requested host.
  case tlsName = "tls-name"
  /// The request is invalid or ambiguous.
  case requestInvalid = "request-invalid"
  /// The head of the request did not come in time or is too long.
  case headLimit = "head-limit"
  /// The attempt has reached its upload limit.
  case uploadLimit = "upload-limit"
  /// The attempt has reached its limit of connections.
  case connectionLimit = "connection-limit"
  /// A response contained the model's key. The key was masked.
  case keyEchoed = "key-echoed"
}
