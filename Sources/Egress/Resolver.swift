import Glibc
import NIOCore
import NIOPosix
import NetworkRules
import Synchronization

/// Resolves names.
package protocol NameResolver: Sendable {
  /// The addresses of a name in the order in which to try them; empty if there is no answer in
  /// time.
  func addresses(of name: HostName) async -> [IPAddress]
}

/// The system's resolver (getaddrinfo, which includes `/etc/hosts` and the machine's other
/// sources), on its own threads, which may block.
package final class SystemResolver: NameResolver {
  /// The maximum number of pending names; further ones resolve to nothing.
  static let waitingMax = 256
  /// The maximum number of addresses in a result.
  static let addressesMax = 16

  private let pool: NIOThreadPool
  private let timeout: Duration
  private let lookUp: @Sendable (String) -> [IPAddress]
  private let waiting = Mutex(0)

  /// - Parameter timeout: after it a look-up has failed, though its thread may continue.
  package convenience init(threads: Int = 4, timeout: Duration = .seconds(5)) {
    self.init(threads: threads, timeout: timeout, lookUp: Self.system)
  }

  /// - Parameter lookUp: may block.
  init(threads: Int, timeout: Duration, lookUp: @escaping @Sendable (String) -> [IPAddress]) {
    pool = NIOThreadPool(numberOfThreads: threads)
    self.timeout = timeout
    self.lookUp = lookUp
    pool.start()
  }

  deinit { pool.shutdownGracefully { _ in } }

  /// The number of pending names.
  var waitingCount: Int { waiting.withLock { $0 } }

  /// In the system's order; empty after the time-out, or if too many names are pending.
  package func addresses(of name: HostName) async -> [IPAddress] {
    let isAdmitted = waiting.withLock { count in
      guard count < Self.waitingMax else { return false }
      count += 1
      return true
    }
    guard isAdmitted else { return [] }
    let (answers, continuation) = AsyncStream.makeStream(
      of: [IPAddress].self, bufferingPolicy: .bufferingOldest(1))
    pool.submit { [self] state in
      let found = state == .active ? lookUp(name.text) : []
      waiting.withLock { $0 -= 1 }
      continuation.yield(found)
      continuation.finish()
    }
    let timer = Task { [timeout] in
      try await Task.sleep(for: timeout)
      continuation.finish()
    }
    defer { timer.cancel() }
    for await found in answers { return found }
    return []
  }

  @Sendable private static func system(_ name: String) -> [IPAddress] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_ADDRCONFIG
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(name, nil, &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var found: [IPAddress] = []
    var next = list
    while let entry = next, found.count < addressesMax {
      if let address = IPAddress(entry.pointee.ai_addr), !found.contains(address) {
        found.append(address)
      }
      next = entry.pointee.ai_next
    }
    return found
  }
}

extension IPAddress {
  /// The address of a socket, without its interface; nil for other families.
  init?(_ address: UnsafePointer<sockaddr>?) {
    guard let address else { return nil }
    // The offsets are Linux's ABI (ip(7), ipv6(7)); the module that declares the fields differs
    // between builds.
    let start = UnsafeRawPointer(address)
    switch Int32(address.pointee.sa_family) {
    case AF_INET: self.init(bytes: UnsafeRawBufferPointer(start: start + 4, count: 4))
    case AF_INET6: self.init(bytes: UnsafeRawBufferPointer(start: start + 8, count: 16))
    default: return nil
    }
  }

  /// The addresses of this machine's interfaces.
  static func ofThisMachine() -> Set<IPAddress> {
    let devices = (try? System.enumerateDevices()) ?? []
    return Set(
      devices.compactMap { $0.address?.ipAddress.flatMap { IPAddress($0)?.unmapped } })
  }
}
