import Domain
import ForgePort
import HTTPClient
import Text

// Why a check failed: its annotations, and the end of its job's log.

extension GitHubClient {
  /// Of a report, in Unicode scalars.
  private static let annotationsMax = 8_000
  /// What is kept of a log's end, in bytes: the longest report in the longest encoding.
  private static let logTailMax = ForgeCheck.reportMax * 4
  /// A longer log is not read.
  private static let logBytesMax = 256 << 20

  /// The annotations of a check, and the end of its job's log.
  func report(
    of check: ForgeCheck, in repository: RepositoryName
  ) async throws(ForgeFault) -> String {
    var parts: [String] = []
    if check.annotations > 0, let run = check.checkRun {
      let lines = try await annotations(of: run, in: repository).map(\.line)
      let text = ForgeText.beginning(
        of: lines.joined(separator: "\n"), limit: Self.annotationsMax)
      if !text.isEmpty { parts.append(text) }
    }
    let used = parts.reduce(0) { $0 + $1.unicodeScalars.count + 2 }
    if let job = check.job, let bytes = try await logEnd(of: job, in: repository) {
      var filter = TerminalFilter()
      let text = String(decoding: filter.take(bytes), as: UTF8.self)
      let end = ForgeText.end(of: text, limit: ForgeCheck.reportMax - used)
      if end.hasWords { parts.append(end) }
    }
    return parts.joined(separator: "\n\n")
  }

  private func annotations(
    of run: Int64, in repository: RepositoryName
  ) async throws(ForgeFault) -> [AnnotationBody] {
    let request = RESTRequest.annotations(repository, checkRun: run)
    do throws(ForgeFault) {
      return try decode([AnnotationBody].self, try await exchange(request), request)
    } catch {
      guard error.isAbsence else { throw error }
      return []
    }
  }

  /// The last bytes of a job's log; nil if it is missing, or the credential may not read it.
  /// GitHub answers with the address of a file on another host, which is valid for a minute
  /// (https://docs.github.com/rest/actions/workflow-jobs#download-job-logs-for-a-workflow-run).
  private func logEnd(
    of job: Int64, in repository: RepositoryName
  ) async throws(ForgeFault) -> [UInt8]? {
    let answer: HTTPResponse
    do throws(ForgeFault) {
      answer = try await exchange(.jobLog(repository, job: job))
    } catch {
      guard error.isAbsence else { throw error }
      return nil
    }
    guard answer.status == 302 else { return answer.body.suffix(Self.logTailMax) }
    guard let url = answer.redirectURL, Self.mayRead(url, apiURL: configuration.apiURL) else {
      return nil
    }
    return await tail(of: url)
  }

  /// With https the log is not fetched in clear text.
  static func mayRead(_ url: String, apiURL: String) -> Bool {
    url.hasPrefix("https://") || (url.hasPrefix("http://") && !apiURL.hasPrefix("https://"))
  }

  /// The last bytes of a file. The credential is not sent: the address itself is the permission.
  /// - Returns: nil if it cannot be read; a log is not worth more than one attempt.
  private func tail(of url: String) async -> [UInt8]? {
    var request = HTTPRequest(
      url: url, timeout: configuration.timeout,
      connectTimeout: min(.seconds(5), configuration.timeout))
    request.repeatsWhenStale = true
    guard let stream = try? await http.stream(request), stream.head.status == 200 else {
      return nil
    }
    var tail: [UInt8] = []
    var count = 0
    var chunks = stream.makeAsyncIterator()
    do throws(HTTPFault) {
      while let chunk = try await chunks.next() {
        count += chunk.count
        guard count <= Self.logBytesMax else { return nil }
        tail += chunk
        if tail.count > 2 * Self.logTailMax { tail.removeFirst(tail.count - Self.logTailMax) }
      }
    } catch {
      // Where the answer broke off is not the log's end.
      return nil
    }
    return tail.suffix(Self.logTailMax)
  }
}

extension ForgeCheck {
  /// The number of the check run; nil if it is a commit status.
  fileprivate var checkRun: Int64? {
    let prefix = FeedbackSource.check.rawValue + "/"
    guard id.rawValue.hasPrefix(prefix) else { return nil }
    return Int64(id.rawValue.dropFirst(prefix.count))
  }
}

extension ForgeFault {
  /// Whether what was asked for is missing, or may not be read. Trying again would not help.
  fileprivate var isAbsence: Bool {
    switch kind {
    case .notFound, .forbidden, .refused: true
    case .unreachable, .noAnswer, .unavailable, .limited, .down, .unauthorized, .conflict,
      .exists, .possibleNameClash, .notYetVisible, .empty, .draftsUnsupported:
      false
    }
  }
}
