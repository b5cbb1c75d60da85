import ArgumentParser
import Domain
import EventLog
import Glibc
import RawSockets
import TestKit

/// How soon an event reaches those who follow the log, while others read.
struct StreamCosts: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stream",
    abstract: "From commit to client, with a thousand clients and 500 reads a second.")

  @Flag(help: "Small numbers, to see that it runs; what it measures says nothing.")
  var quick = false

  /// Each submission makes five events: up to its pull request, and no worker takes it.
  private static let eventsOfSubmission = 5
  private var clients: Int { quick ? 20 : 1000 }
  private var eventsPerSecond: Int { 50 }
  private var readsPerSecond: Int { quick ? 50 : 500 }
  private var span: Duration { quick ? .seconds(1) : .seconds(10) }

  func run() async throws {
    try await Installation.with(arguments: MemoryCosts.crowdArguments) { server in
      _ = try await server.createRepository("acme/tools", root: server.data + "/forge")
      try MemoryCosts.awaitReady(server.url)
      let (url, span) = (server.url, span)
      let clients = clients
      // First while nothing happens.
      async let idle = onThreads(1) { _ in
        let crowd = try StreamCrowd(clients, of: url, measuring: 0)
        try crowd.drain(for: span)
        return [Double]()
      }
      async let quietReads = readLoad(url)
      let (_, quietWaits) = try await (idle, quietReads)
      report("stream-idle-reads", percentile(99, of: quietWaits), most: 50)
      try Self.awaitNoStreams(url)
      async let arrivals = onThreads(1) { _ in
        let crowd = try StreamCrowd(clients, of: url, measuring: min(20, clients))
        try crowd.drain(for: span)
        return crowd.waitsMs
      }
      async let writes = load(url, perSecond: eventsPerSecond / Self.eventsOfSubmission, threads: 2)
      {
        client, n in
        try client.call(
          "POST", "/api/personal-delegate",
          """
          {"owner":"acme","repo":"tools","branchName":"b-\(n)","taskTitle":"t","objective":"o",\
          "prTitle":"p"}
          """
        ).status < 300
      }
      async let reads = readLoad(url)
      let (waits, _, readWaits) = try await (arrivals, writes, reads)
      guard !waits.isEmpty else { throw BenchFault(description: "no client got an event") }
      report("stream-\(clients)", percentile(99, of: waits), most: 50)
      report("stream-reads", percentile(99, of: readWaits), most: 20)
    }
  }

  /// Waits until the server has noticed that all clients of the stream are gone: it takes no more
  /// than it is set to.
  private static func awaitNoStreams(_ url: String) throws {
    let client = try PlainHTTP(url)
    let end = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < end {
      let text = String(decoding: try client.call("GET", "/metrics").body, as: UTF8.self)
      if text.split(separator: "\n").contains("aipm_event_streams 0") { return }
      usleep(20_000)
    }
    throw BenchFault(description: "streams are still open whose clients are gone")
  }

  /// Reads of different kinds, at a steady pace.
  private func readLoad(_ url: String) async throws -> [Double] {
    try await load(url, perSecond: readsPerSecond, threads: 5) { client, n in
      let target =
        n.isMultiple(of: 10)
        ? "/api/delegations?limit=20"
        : n.isMultiple(of: 2) ? "/api/events?after=0&limit=5" : "/api/workers"
      return try client.call("GET", target).status == 200
    }
  }

  private func report(_ name: String, _ value: Double, most: Double) {
    Figure(
      name: name, value: value, unit: "ms p99", limit: nil, target: "<= \(Int(most)) ms",
      met: value <= most
    ).tell()
  }

  /// Calls at a steady pace, whatever the answers take.
  /// - Parameter call: false if the answer was not the wanted one.
  /// - Returns: milliseconds from the moment that each call was due to its answer.
  private func load(
    _ url: String, perSecond: Int, threads: Int,
    _ call: @escaping @Sendable (PlainHTTP, _ n: Int) throws -> Bool
  ) async throws -> [Double] {
    let span = span
    return try await onThreads(threads) { thread in
      let client = try PlainHTTP(url)
      let start = ContinuousClock.now
      var waits: [Double] = []
      for n in stride(from: thread, to: Int.max, by: threads) {
        let due = start + .seconds(1) * n / perSecond
        guard due < start + span else { break }
        let early = (due - .now) / .microseconds(1)
        if early > 0 { usleep(UInt32(early)) }
        guard try call(client, n) else { throw BenchFault(description: "call \(n) was refused") }
        waits.append((ContinuousClock.now - due) / .milliseconds(1))
      }
      return waits
    }
  }
}

/// Many clients of the event stream on one thread. Some of them note how late each event comes; the
/// others read and forget.
final class StreamCrowd {
  private var sockets: [pollfd] = []
  /// Those to which the server has sent events.
  private var accepted: Set<Int> = []
  private let measuring: Int
  private var rests: [[UInt8]]
  /// How long after its commit an event was here, of the clients that are measured.
  private(set) var waitsMs: [Double] = []

  /// - Parameter measuring: how many of them note when their events come.
  init(_ count: Int, of url: String, measuring: Int) throws {
    self.measuring = measuring
    rests = Array(repeating: [], count: measuring)
    guard let port = url.split(separator: ":").last.flatMap({ Int($0) }) else {
      throw BenchFault(description: "no port in \(url)")
    }
    for n in 0..<count {
      let socket = try RawClient.connected(port: port)
      sockets.append(pollfd(fd: socket, events: Int16(POLLIN), revents: 0))
      let request = Array(
        "GET /api/events/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
          .utf8)
      guard send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
        throw BenchFault(description: "client \(n) could not ask")
      }
    }
  }

  deinit {
    // With a reset, which the server notices at once. After a mere end it would take the client for
    // one that only writes no more, until it is sent something.
    var linger = linger(l_onoff: 1, l_linger: 0)
    for socket in sockets {
      setsockopt(
        socket.fd, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
      close(socket.fd)
    }
  }

  /// Reads what comes. Blocks its thread.
  /// - Throws: `BenchFault` if a client got no stream.
  func drain(for span: Duration) throws {
    let end = ContinuousClock.now + span
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while ContinuousClock.now < end {
      guard poll(&sockets, nfds_t(sockets.count), 20) > 0 else { continue }
      for n in sockets.indices where sockets[n].revents != 0 {
        let received = recv(sockets[n].fd, &chunk, chunk.count, Int32(MSG_DONTWAIT))
        if received > 0 {
          if !accepted.contains(n) {
            guard chunk[..<received].starts(with: Array("HTTP/1.1 200 ".utf8)) else {
              throw BenchFault(description: "client \(n) got no stream")
            }
            accepted.insert(n)
          }
          if n < measuring { note(chunk[..<received], of: n) }
        } else if received == 0 {
          // poll(2) passes a negative descriptor over.
          close(sockets[n].fd)
          sockets[n].fd = -1
          throw BenchFault(description: "the stream of client \(n) ended")
        }
      }
    }
    guard accepted.count == sockets.count else {
      throw BenchFault(description: "\(accepted.count) of \(sockets.count) clients got a stream")
    }
  }

  /// Takes the times of the events that are whole, and keeps what is left of the last one.
  private func note(_ bytes: ArraySlice<UInt8>, of n: Int) {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let arrived = Double(now.tv_sec) * 1000 + Double(now.tv_nsec) / 1e6
    rests[n] += bytes
    let key = Array(#""time":""#.utf8)
    while let found = rests[n].firstRange(of: key), rests[n].count >= found.upperBound + 24 {
      let text = String(decoding: rests[n][found.upperBound..<found.upperBound + 24], as: UTF8.self)
      if let time = Timestamp(iso8601: text) { waitsMs.append(arrived - Double(time.milliseconds)) }
      rests[n].removeFirst(found.upperBound + 24)
    }
    // What is kept may hold the beginning of the next time.
    if rests[n].count > 65_536 { rests[n].removeFirst(rests[n].count - 64) }
  }
}
