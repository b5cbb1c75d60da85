// The worker's end of the protocol: a request of the core as one HTTP call, and its answer.

import FoundationEssentials
import HTTPClient
import WorkerProtocol

/// Where the server is.
package enum ServerAddress: Sendable {
  /// Such as `http://127.0.0.1:8080`, with the base path if there is one.
  case url(String)
  /// A file that holds the URL. It is read for each call: a server that was started again may
  /// listen elsewhere.
  case file(String)

  /// The URL without a slash at its end; nil where the file is not there or is empty.
  func current() -> String? {
    let text: String
    switch self {
    case .url(let url): text = url
    case .file(let path):
      guard let content = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
      text = content
    }
    var url = text.filter { !$0.isWhitespace }
    while url.last == "/" { url.removeLast() }
    return url.isEmpty ? nil : url
  }
}

/// Speaks to the server. It tries each call once; when to come again is the core's to say.
struct ServerLink: Sendable {
  let worker: String
  let address: ServerAddress
  let token: String
  let client: HTTPClient

  /// The most output that goes into one call.
  static let outputBytesMax = 256 << 10

  init(worker: String, address: ServerAddress, token: String, version: String) {
    self.worker = worker
    self.address = address
    self.token = token
    // A worker has at most one call a lane under way.
    client = HTTPClient(
      configuration: .init(
        userAgent: "aipm-worker/\(version)", proxy: .environment, maxConnectionsPerHost: 8,
        maxTransfers: 32))
  }

  /// Makes a call.
  /// - Parameter files: where the attempt's output, pack and patch are.
  func answer(to request: Request, files: AttemptFiles?) async -> Answer {
    switch request {
    case .agents:
      await session("agents", AgentsAsked(worker: worker)) { (told: AgentInquiries) in
        .agents(told.agents)
      }
    case .register(let registration): await session("register", registration, Answer.registered)
    case .poll(let poll):
      await session("desired", poll, timeout: .milliseconds(poll.waitMs + 15_000), Answer.desired)
    case .heartbeat(let beat):
      await retriable(call("heartbeat", .bytes(encoded(beat)), timeout: .seconds(10)))
    case .generating(let report): await call("generating", .bytes(encoded(report)))
    case .output(let lease, let part, let offset):
      await output(lease, part, from: offset, files)
    case .pack(let lease, let commit):
      await call(
        "pack?\(query(lease))&commit=\(commit)", .file(path: files?.pack ?? ""), method: "PUT",
        contentType: "application/x-git-pack", timeout: .seconds(600))
    case .patch(let lease):
      await call(
        "patch?\(query(lease))", .file(path: files?.patch ?? ""), method: "PUT",
        contentType: "text/x-diff", timeout: .seconds(120))
    case .result(let report): await call("result", .bytes(encoded(report)))
    }
  }

  // MARK: Calls

  private func session<Body: Encodable, Word: Decodable>(
    _ route: String, _ body: Body, timeout: Duration = .seconds(30), _ make: (Word) -> Answer
  ) async -> Answer {
    switch await response(route, .bytes(encoded(body)), timeout: timeout) {
    case .failure(let answer): return retriable(answer)
    case .success(let response):
      do { return make(try JSONDecoder().decode(Word.self, from: Data(response.body))) } catch {
        return .unreachable("\(route): the answer is not the protocol's: \(error)")
      }
    }
  }

  /// A refusal of what no attempt hangs on is tried again like an outage.
  private func retriable(_ answer: Answer) -> Answer {
    switch answer {
    case .refused(let detail), .superseded(let detail): .unreachable(detail)
    case .agents, .registered, .desired, .outputEnd, .done, .unknownLife, .packMissing,
      .unauthorized,
      .unreachable:
      answer
    }
  }

  private func call(
    _ route: String, _ body: HTTPRequest.Body, method: String = "POST",
    contentType: String = "application/json", timeout: Duration = .seconds(30)
  ) async -> Answer {
    switch await response(
      route, body, method: method, contentType: contentType, timeout: timeout)
    {
    case .success: .done
    case .failure(let answer): answer
    }
  }

  private func output(
    _ lease: LeaseReference, _ part: OutputPart, from offset: Int, _ files: AttemptFiles?
  ) async -> Answer {
    let chunk: [UInt8]
    do {
      guard let files else { return .refused("no output is kept") }
      chunk = try DurableFile.read(files.path(of: part), from: offset, atMost: Self.outputBytesMax)
    } catch {
      return .refused("\(error)")
    }
    guard !chunk.isEmpty else { return .refused("the output ends before \(offset)") }
    let route =
      switch part {
      case .text: "output"
      case .records: "records"
      }
    let result = await response(
      "\(route)?\(query(lease))&offset=\(offset)", .bytes(chunk),
      contentType: "application/octet-stream")
    switch result {
    case .failure(let answer): return answer
    case .success(let response):
      guard
        let end = try? JSONDecoder().decode(OutputAnswer.self, from: Data(response.body))
      else { return .unreachable("output: the answer is not the protocol's") }
      return .outputEnd(end.offset)
    }
  }

  /// A success is an answer of 2xx; a failure is what any other comes to.
  private func response(
    _ route: String, _ body: HTTPRequest.Body, method: String = "POST",
    contentType: String = "application/json", timeout: Duration = .seconds(30)
  ) async -> Result<HTTPResponse, AnswerInstead> {
    guard let base = address.current() else {
      return .failure(.unreachable("the server's address is not known yet"))
    }
    let request = HTTPRequest(
      method: method, url: "\(base)/worker/v1/\(route)",
      headers: [
        ("Authorization", "Bearer \(token)"), ("Content-Type", contentType),
        ("Accept", "application/json"),
      ], body: body, timeout: timeout, connectTimeout: .seconds(5))
    do {
      let response = try await client.send(request)
      if (200..<300).contains(response.status) { return .success(response) }
      return .failure(refusal(response, route))
    } catch {
      switch error.kind {
      case .unreachable, .noAnswer, .timedOut, .cancelled, .overloaded, .tooLarge, .invalidURL:
        return .failure(.unreachable("\(route): \(error)"))
      case .invalidRequest: return .failure(.refused("\(route): \(error)"))
      }
    }
  }

  private func refusal(_ response: HTTPResponse, _ route: String) -> Answer {
    let problem = try? JSONDecoder().decode(Problem.self, from: Data(response.body))
    let path = route.prefix { $0 != "?" }
    let detail = "\(path): \(response.status) \(problem?.detail ?? problem?.title ?? "")"
    switch response.status {
    case 401, 403: return .unauthorized(detail)
    case 409: return .superseded(detail)
    case 410: return .unknownLife
    case 424: return .packMissing
    // Too early, too slow, too many: the same call may be taken later.
    case 408, 425, 429, 500...: return .unreachable(detail)
    case _: return .refused(detail)
    }
  }

  private struct Problem: Decodable {
    var title: String?
    var detail: String?
  }

  private func query(_ lease: LeaseReference) -> String {
    // A delegation's id is checked before anything is done with it (`AttemptFiles.isSafe`).
    "delegation=\(lease.delegation)&attempt=\(lease.attempt)&token=\(lease.token)"
  }

  private func encoded(_ body: some Encodable) -> [UInt8] {
    // The messages hold strings, whole numbers and flags: nothing that cannot be encoded.
    (try? JSONEncoder().encode(body)).map { [UInt8]($0) } ?? []
  }
}

private typealias AnswerInstead = Answer

extension Answer: Error {}
