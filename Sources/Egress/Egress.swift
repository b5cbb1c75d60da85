// The network access of agents: a proxy, and a gateway that adds a model's key.
//
// Purpose: the processes of an attempt run in a network namespace without a route. The first
// process passes listening sockets of that namespace's loopback to the worker, which accepts from
// them itself. `EgressProxy` serves one kind of listener (CONNECT and plain HTTP, as for
// `HTTP_PROXY`), `KeyGateway` the other (plain HTTP inside, one fixed upstream outside, a
// credential added). Each attempt has an `EgressLedger`, which records connections, refusals and
// bytes, and has the upload limit that all connections share.
//
// Guarantees:
// - The policy (`NetworkRules`) decides on every tunnel and every request before a name is
//   resolved. A name is resolved once. Its addresses are dropped if they are neither public nor
//   permitted by an operator, if they belong to this machine, or if AIPM listens on them. The
//   connection goes to one of the remaining addresses.
// - A tunnel to port 443 carries TLS with exactly one unencrypted server name, the requested host.
//   Until that is verified, no bytes pass in either direction.
// - Ambiguous messages are refused: two lengths, bare line feeds, folded lines, odd spaces.
//   Accepted heads and bodies are serialized again, so both sides parse the same message.
// - Everything is bounded: heads, hellos, connections, time, uploaded bytes, and bytes in memory (a
//   slow reader pauses the other side).
// - A model's key is added outside and never passes inside, neither in a header nor in a body.
//
// Limits: it cannot see inside TLS. An allowed host can receive as much as the upload limit allows,
// and a server behind an allowed name can serve other content (by a `Host` field, or a
// renegotiation within TLS).
//
// Failures: everything that fails is refused. A refusal is a response of 403 with the workflow's
// line that would allow it; a network failure is a 502. After the hello, the connection is closed
// without a response. An agent can end only its own connections.

import NIOCore
import NetworkRules

/// The settings of a proxy.
package struct EgressConfiguration: Sendable {
  /// Concurrent connections of one attempt, over all its listeners.
  package var connectionsMax = 256
  /// The time-out for connecting, over all addresses of a name.
  package var connectTimeout = Duration.seconds(10)
  /// The longest time without a byte in either direction.
  package var idleTimeout = Duration.seconds(600)
  /// The longest time of a connection.
  package var lifetime = Duration.seconds(4 * 3_600)
  /// The longest head of a request, in bytes; heads of responses may be four times as long.
  package var headBytesMax = 16 << 10
  /// The longest time from the first to the last byte of a head or a TLS hello.
  package var headTimeout = Duration.seconds(10)
  /// The longest TLS hello, in bytes.
  package var helloBytesMax = 64 << 10
  /// Private ranges that the operator permits.
  package var permitted: [AddressRange] = []
  /// The addresses on which AIPM listens: never reached, even if permitted.
  package var own: [OwnEndpoint] = []

  /// The port on which only TLS is allowed.
  var tlsPort: UInt16 = 443

  package init() {}
}

/// An address and port of AIPM.
package struct OwnEndpoint: Hashable, Sendable {
  /// nil for every address of this machine.
  package var address: IPAddress?
  /// nil for every port.
  package var port: UInt16?

  package init(address: IPAddress? = nil, port: UInt16? = nil) {
    self.address = address?.unmapped
    self.port = port
  }
}

/// Why a proxy or gateway cannot serve.
package struct EgressFault: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String
}
