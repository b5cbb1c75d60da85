// The way out of an agent's empty network: a proxy, and a gateway that adds a model's key.
//
// What it is for: the processes of an attempt run in a network namespace without a route. The first
// of them hands listening sockets of that namespace's loopback to the worker, which accepts on them
// itself: no process inside stands between. `EgressProxy` serves one kind of listener (CONNECT and
// plain HTTP, what `HTTP_PROXY` means), `KeyGateway` the other (plain HTTP inside, one fixed
// upstream outside, a credential added on the way). What was reached, refused and sent is kept in
// an `EgressLedger`, one for each attempt; so is the upload limit, which all connections share.
//
// What it promises:
// - Every tunnel and every single request is judged by the policy (`NetworkRules`) before a name is
//   looked up. A name is looked up once; of its addresses those are dropped that are not public and
//   that no operator permits, that are this machine's own, or that AIPM itself listens on; the
//   connection goes to one of the others by number.
// - A tunnel to port 443 carries TLS whose server name is the host that was asked for, exactly one,
//   in clear. Not a byte of the other side is passed on before that is known, nor to it.
// - What can be read in two ways is refused: two lengths, bare line feeds, folded lines, odd
//   spaces. Requests that pass are written anew, bodies framed anew, so both sides see the same
//   thing.
// - Everything is bounded: heads, hellos, connections, time, bytes sent by the attempt, bytes held
//   in memory (a side that does not read stops the other one).
// - A model's key is added outside and never goes inside: not in a header, not in a body.
//
// What it cannot do: see inside TLS. A host that is allowed can be sent what the upload limit
// allows, and a server behind an allowed name can serve others' content (a `Host` field or a
// renegotiation within TLS is hidden from it).
//
// How it fails: closed. A refusal answers 403 and says which line of a workflow would allow it; a
// failure of the network answers 502; after the hello there is nothing to say it with and the
// connection ends. An agent can end its own connections early, and nobody else's.

import NIOCore
import NetworkRules

/// What a proxy is made with.
package struct EgressConfiguration: Sendable {
  /// Connections of one attempt at once, over all its listeners.
  package var connectionsMax = 256
  /// For connecting, over all addresses of a name.
  package var connectTimeout = Duration.seconds(10)
  /// How long no byte may move in either direction.
  package var idleTimeout = Duration.seconds(600)
  /// How long a connection may last at all.
  package var lifetime = Duration.seconds(4 * 3_600)
  /// The longest head of a request, in bytes; heads of responses may be four times as long.
  package var headBytesMax = 16 << 10
  /// How long a head, or a TLS hello, may take from its first moment to its last byte.
  package var headTimeout = Duration.seconds(10)
  /// The longest TLS hello, in bytes.
  package var helloBytesMax = 64 << 10
  /// Private ranges that the operator permits.
  package var permitted: [AddressRange] = []
  /// Where AIPM itself listens: never reached, whatever is permitted.
  package var own: [OwnEndpoint] = []

  /// Where nothing but TLS is spoken.
  var tlsPort: UInt16 = 443

  package init() {}
}

/// An address and port of AIPM's own.
package struct OwnEndpoint: Hashable, Sendable {
  /// nil: every address of this machine.
  package var address: IPAddress?
  /// nil: every port.
  package var port: UInt16?

  package init(address: IPAddress? = nil, port: UInt16? = nil) {
    self.address = address?.unmapped
    self.port = port
  }
}

/// Why a proxy or gateway does not serve.
package struct EgressFault: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String
}
