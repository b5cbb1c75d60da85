import Foundation
import HTTPClient
import RawSockets
import Synchronization
import Testing

@Suite struct StreamTests {
  @Test func theHeadComesBeforeTheBodyAndChunksAsTheyAreSent() async throws {
    let gates = [Gate(), Gate()]
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
      gates[0].waitOnThread()
      connection.send("data: 1\n\n")
      gates[1].waitOnThread()
      connection.send("data: 2\n\n")
    }
    let stream = try await makeClient().stream(HTTPRequest(url: server.url, timeout: nil))
    #expect(stream.head.status == 200)
    #expect(stream.head.headers["content-type"] == "text/event-stream")
    var iterator = stream.makeAsyncIterator()
    gates[0].open()
    #expect(try await iterator.next() == Array("data: 1\n\n".utf8))
    gates[1].open()
    #expect(try await iterator.next() == Array("data: 2\n\n".utf8))
    #expect(try await iterator.next() == nil)
    #expect(try await iterator.next() == nil)
  }

  @Test func aSlowReaderPausesTheServerAndGetsEveryByte() async throws {
    let size = 64 << 20
    let chunk = (0..<65521).map { UInt8(truncatingIfNeeded: $0) }
    let blockedAt = Mutex(0)
    let blocked = Gate()
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
      let sent = connection.sendUntilBlocked(chunk: chunk, limit: size, milliseconds: 500)
      blockedAt.withLock { $0 = sent }
      blocked.open()
      var position = sent
      while position < size {
        let start = position % chunk.count
        let end = min(chunk.count, start + size - position)
        if !connection.send(bytes: Array(chunk[start..<end])) { return }
        position += end - start
      }
    }
    let client = makeClient()
    let request = HTTPRequest(url: server.url, timeout: nil, idleTimeout: .milliseconds(200))
    let stream = try await client.stream(request)
    await blocked.wait()
    // What was sent lies in the kernel's two buffers, and little in the client.
    #expect(blockedAt.withLock { $0 } < 24 << 20)
    // A paused stream does not block other transfers.
    let other = try RawServer { connection in
      while connection.readRequest() != nil { connection.answer("ok") }
    }
    #expect(try await client.send(HTTPRequest(url: other.url)).status == 200)
    var received = 0
    var isRight = true
    for try await bytes in stream {
      isRight = isRight && bytes.first == chunk[0] &+ UInt8(truncatingIfNeeded: received % 65521)
      received += bytes.count
    }
    #expect(received == size)
    #expect(isRight)
  }

  @Test func aBodyThatEndsEarlyThrowsAfterItsBytes() async throws {
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    }
    let stream = try await makeClient().stream(HTTPRequest(url: server.url))
    var received: [UInt8] = []
    do {
      for try await chunk in stream { received += chunk }
      Issue.record("the body looked whole")
    } catch {
      #expect(error.kind == .noAnswer)
      #expect(error.wasSent)
    }
    #expect(received == Array("abc".utf8))
  }

  @Test func aStreamThatNeverBeginsThrows() async throws {
    let port = try ClosedPort()
    let request = HTTPRequest(url: "http://127.0.0.1:\(port.number)")
    do throws(HTTPFault) {
      _ = try await makeClient().stream(request)
      Issue.record("there was a head")
    } catch {
      #expect(error.kind == .unreachable)
      #expect(!error.wasSent)
    }
  }

  @Test func lettingGoOfTheStreamClosesTheConnection() async throws {
    let closed = Gate()
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\n\r\n")
      if connection.peerCloses(within: 60_000) { closed.open() }
    }
    let client = makeClient()
    do {
      let stream = try await client.stream(HTTPRequest(url: server.url, timeout: nil))
      #expect(stream.head.status == 200)
    }
    await closed.wait()
  }

  @Test func cancellingTheReaderEndsItsWait() async throws {
    let begun = Gate()
    let closed = Gate()
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\n\r\nx")
      if connection.peerCloses(within: 60_000) { closed.open() }
    }
    let client = makeClient()
    let reader = Task { () -> HTTPFault? in
      do throws(HTTPFault) {
        let stream = try await client.stream(HTTPRequest(url: server.url, timeout: nil))
        var iterator = stream.makeAsyncIterator()
        while try await iterator.next() != nil { begun.open() }
        return nil
      } catch {
        return error
      }
    }
    await begun.wait()
    reader.cancel()
    #expect(await reader.value?.kind == .cancelled)
    await closed.wait()
  }

  @Test func anIdleStreamTimesOut() async throws {
    let release = Gate()
    let server = try RawServer { connection in
      _ = connection.readRequest()
      connection.send("HTTP/1.1 200 OK\r\n\r\nx")
      release.waitOnThread()
    }
    let stream = try await makeClient().stream(
      HTTPRequest(url: server.url, timeout: nil, idleTimeout: .milliseconds(200)))
    do {
      for try await _ in stream {}
      Issue.record("the stream ended by itself")
    } catch {
      #expect(error.kind == .timedOut)
    }
    release.open()
  }
}
