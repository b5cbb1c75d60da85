import CCurl
import Glibc
import Text

/// One request in progress, confined to the client's thread.
final class Transfer {
  private static let headBytesMax = 256 << 10
  private static let receiveBufferBytes = 64 << 10
  /// A little less than the minute after which many servers close idle connections: reusing one
  /// that is about to be closed is the usual cause of `noAnswer`.
  private static let idleConnectionSeconds = 50

  let id: UInt64
  let easy: UnsafeMutableRawPointer
  let origin: Origin
  private let request: HTTPRequest
  private let sink: Sink
  private let wholeDeadline: ContinuousClock.Instant?

  private var fieldList: UnsafeMutablePointer<curl_slist>?
  private var bodyFile: Int32 = -1
  private let errorText: UnsafeMutablePointer<CChar>

  private var status = 0
  private var headers = HTTPHeaders()
  private var headBytes = 0
  private var isHeadComplete = false
  private var body: [UInt8] = []
  private var lastActivity: ContinuousClock.Instant
  private var isPaused = false
  /// The writer of a streamed body has no bytes ready.
  private var isStarved = false
  /// Above zero, the request may have been sent.
  private var requestsBegun = 0
  /// Why a callback stopped the transfer; libcurl reports only that one did.
  private var stopped: (kind: HTTPFault.Kind, detail: String)?
  private var wasStale = false

  /// Prepares the handle; nothing is sent yet.
  init(_ submission: TransferRequest, configuration: HTTPClient.Configuration) throws(HTTPFault) {
    id = submission.id
    request = submission.request
    sink = submission.sink
    origin = try Origin(of: request.url)
    lastActivity = .now
    wholeDeadline = request.timeout.map { submission.time + $0 }
    guard let easy = curl_easy_init() else {
      throw .unsent(.unreachable, "libcurl: out of memory")
    }
    self.easy = easy
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    try request.check()
    try setOptions(configuration: configuration)
    try setBody()
    try setHeaders()
    setCallbacks()
  }

  deinit {
    curl_easy_cleanup(easy)
    curl_slist_free_all(fieldList)
    errorText.deallocate()
    if bodyFile >= 0 { close(bodyFile) }
  }

  // MARK: Options

  private func setOptions(configuration: HTTPClient.Configuration) throws(HTTPFault) {
    try set(CURLOPT_URL, request.url)
    try set(CURLOPT_PROTOCOLS_STR, "http,https")
    try set(CURLOPT_USERAGENT, configuration.userAgent)
    try set(CURLOPT_NOSIGNAL, 1)
    // Otherwise ending a transfer waits for its name resolution.
    try set(CURLOPT_QUICK_EXIT, 1)
    try set(CURLOPT_FOLLOWLOCATION, 0)
    try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
    try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
    // Prefer a stream of a connection that is being opened to another connection.
    if origin.scheme == "https" { try set(CURLOPT_PIPEWAIT, 1) }
    try set(CURLOPT_TCP_KEEPALIVE, 1)
    try set(CURLOPT_TCP_KEEPIDLE, 30)
    try set(CURLOPT_TCP_KEEPINTVL, 15)
    try set(CURLOPT_MAXAGE_CONN, Self.idleConnectionSeconds)
    try set(CURLOPT_BUFFERSIZE, Self.receiveBufferBytes)
    // A proxy's response to CONNECT is not the server's.
    try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    try set(CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(request.connectTimeout))
    if let file = configuration.authoritiesFile { try set(CURLOPT_CAINFO, file) }
    if let socket = configuration.unixSocket {
      try set(CURLOPT_UNIX_SOCKET_PATH, socket)
      try set(CURLOPT_PROXY, "")
      return try check(ccurl_set_private_sockets(easy))
    }
    switch configuration.proxy {
    case .environment: if origin.isLoopback { try set(CURLOPT_PROXY, "") }
    case .none: try set(CURLOPT_PROXY, "")
    case .url(let proxy): try set(CURLOPT_PROXY, origin.isLoopback ? "" : proxy)
    }
    try check(ccurl_set_private_sockets(easy))
  }

  /// For libcurl, in which zero selects the default. A day means no limit.
  private static func milliseconds(_ time: Duration) -> Int {
    Int(max(.milliseconds(1), min(time, .seconds(86_400))) / .milliseconds(1))
  }

  private func setBody() throws(HTTPFault) {
    switch request.body {
    case .none where request.method == "GET": return try set(CURLOPT_HTTPGET, 1)
    case .none where request.method == "HEAD": return try set(CURLOPT_NOBODY, 1)
    case .none: if ["POST", "PUT", "PATCH"].contains(request.method) { try setPosted([]) }
    case .bytes(let bytes): try setPosted(bytes)
    case .file(let path): try setUpload(path)
    case .stream(let source):
      try set(CURLOPT_UPLOAD, 1)
      let size = curl_off_t(source.length ?? -1)
      try check(ccurl_set_size(easy, CURLOPT_INFILESIZE_LARGE, size))
    }
    try set(CURLOPT_CUSTOMREQUEST, request.method)
  }

  private func setPosted(_ bytes: [UInt8]) throws(HTTPFault) {
    try set(CURLOPT_POST, 1)
    try check(ccurl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count)))
    // libcurl copies the bytes; a null pointer would select the read callback.
    let code =
      bytes.isEmpty
      ? ccurl_set_string(easy, CURLOPT_COPYPOSTFIELDS, "")
      : bytes.withUnsafeBytes {
        ccurl_set_bytes(easy, CURLOPT_COPYPOSTFIELDS, $0.baseAddress)
      }
    try check(code)
  }

  private func setUpload(_ path: String) throws(HTTPFault) {
    bodyFile = open(path, O_RDONLY | O_CLOEXEC)
    var facts = stat()
    guard bodyFile >= 0, fstat(bodyFile, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
      let reason = bodyFile < 0 ? String(cString: strerror(errno)) : "not a regular file"
      throw .unsent(.invalidRequest, "the body's file \(path): \(reason)")
    }
    try set(CURLOPT_UPLOAD, 1)
    try check(ccurl_set_size(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(facts.st_size)))
  }

  private func setHeaders() throws(HTTPFault) {
    // The body is sent at once: waiting for "100 Continue" costs a second if the server sends none.
    var lines = ["Expect:"]
    if !request.headers.contains(where: { $0.0.lowercased() == "content-type" }) {
      lines.append("Content-Type:")
    }
    // In libcurl "Name:" removes the header, and "Name;" is the empty value.
    lines += request.headers.map { $0.1.isEmpty ? "\($0.0);" : "\($0.0): \($0.1)" }
    for line in lines {
      guard let longer = curl_slist_append(fieldList, line) else {
        throw .unsent(.invalidRequest, "libcurl: out of memory")
      }
      fieldList = longer
    }
    try check(ccurl_set_list(easy, CURLOPT_HTTPHEADER, fieldList))
  }

  private func setCallbacks() {
    // Unretained: the loop releases a transfer only after its handle has left the multi handle.
    let context = Unmanaged.passUnretained(self).toOpaque()
    _ = ccurl_set_string(easy, CURLOPT_ERRORBUFFER, errorText)
    _ = ccurl_set_write(
      easy, { Transfer.of($3)?.receive($0, $1 * $2) ?? 0 }, context)
    _ = ccurl_set_header(
      easy, { Transfer.of($3)?.receiveHeader($0, $1 * $2) ?? 0 }, context)
    _ = ccurl_set_read(
      easy, { Transfer.of($3)?.provide($0, $1 * $2) ?? Int(CURL_READFUNC_ABORT) }, context)
    _ = ccurl_set_prereq(
      easy, { context, _, _, _, _ in Transfer.of(context)?.begin() ?? CURL_PREREQFUNC_ABORT },
      context)
  }

  private static func of(_ context: UnsafeMutableRawPointer?) -> Transfer? {
    context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
  }

  private func set(_ option: CURLoption, _ value: Int) throws(HTTPFault) {
    try check(ccurl_set_long(easy, option, value))
  }

  private func set(_ option: CURLoption, _ value: String) throws(HTTPFault) {
    try check(ccurl_set_string(easy, option, value))
  }

  private func check(_ code: CURLcode) throws(HTTPFault) {
    guard code != CURLE_OK else { return }
    let reason = String(cString: curl_easy_strerror(code))
    throw .unsent(.invalidRequest, "libcurl: \(reason)")
  }

  // MARK: Callbacks

  private func begin() -> Int32 {
    requestsBegun += 1
    lastActivity = .now
    if requestsBegun > 1, !request.isSafe || !request.repeatsWhenStale {
      wasStale = true
      stopped = (.noAnswer, "the kept connection was closed before a response came")
      return CURL_PREREQFUNC_ABORT
    }
    return CURL_PREREQFUNC_OK
  }

  private func provide(_ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int) -> Int {
    lastActivity = .now
    if case .stream(let source) = request.body { return provide(source, buffer, capacity) }
    let count = read(bodyFile, buffer, capacity)
    if count < 0 {
      stopped = (.invalidRequest, "the body's file: \(String(cString: strerror(errno)))")
      return Int(CURL_READFUNC_ABORT)
    }
    return count
  }

  private func provide(
    _ source: HTTPBodySource, _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int
  ) -> Int {
    switch source.supply(UnsafeMutableRawBufferPointer(start: buffer, count: capacity)) {
    case .bytes(let count): return count
    case .end: return 0
    case .later:
      isStarved = true
      return Int(CURL_READFUNC_PAUSE)
    case .aborted:
      stopped = (.cancelled, "the body's writer aborted")
      return Int(CURL_READFUNC_ABORT)
    }
  }

  private func receiveHeader(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
    lastActivity = .now
    headBytes += count
    guard headBytes <= Self.headBytesMax else {
      return stop(.tooLarge, "the response's head is over \(Self.headBytesMax) bytes")
    }
    let raw = UnsafeRawBufferPointer(start: bytes, count: count)
    let line = String(decoding: raw, as: UTF8.self).trimmed
    if line.hasPrefix("HTTP/") {
      status = Int(line.split(separator: " ").dropFirst().first ?? "") ?? 0
      headers = HTTPHeaders()
      isHeadComplete = false
    } else if line.isEmpty {
      if status >= 200, !isHeadComplete { return completeHead() ? count : 0 }
    } else if !isHeadComplete, let colon = line.firstIndex(of: ":") {
      let value = String(line[line.index(after: colon)...]).trimmed
      headers.append(name: String(line[..<colon]), value: value)
    }
    return count
  }

  private func completeHead() -> Bool {
    isHeadComplete = true
    switch sink {
    case .stream(let channel): channel.deliver(HTTPHead(status: status, headers: headers))
    case .whole:
      let announced = headers["content-length"].flatMap(Int.init) ?? 0
      if request.method != "HEAD", announced > request.responseLimit {
        _ = stopForSize()
        return false
      }
    }
    return true
  }

  private func receive(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
    lastActivity = .now
    let chunk = UnsafeRawBufferPointer(start: bytes, count: count)
    switch sink {
    case .stream(let channel):
      if channel.offer(chunk) { return count }
      isPaused = true
      return Int(CURL_WRITEFUNC_PAUSE)
    case .whole:
      guard body.count + count <= request.responseLimit else { return stopForSize() }
      body += Array(chunk)
      return count
    }
  }

  private func stopForSize() -> Int {
    stop(.tooLarge, "the response is over \(request.responseLimit) bytes")
  }

  /// Returns a count that libcurl treats as an error.
  private func stop(_ kind: HTTPFault.Kind, _ detail: String) -> Int {
    stopped = (kind, detail)
    return Int(CURL_WRITEFUNC_ERROR)
  }

  func resume() {
    guard isPaused || isStarved else { return }
    isPaused = false
    isStarved = false
    lastActivity = .now
    _ = curl_easy_pause(easy, CURLPAUSE_CONT)
  }

  // MARK: Deadlines

  /// When the transfer times out, if it makes no progress.
  var deadline: ContinuousClock.Instant? {
    let idle = isPaused || isStarved ? nil : request.idleTimeout.map { lastActivity + $0 }
    guard let whole = wholeDeadline else { return idle }
    return idle.map { min($0, whole) } ?? whole
  }

  func timeoutDetail(_ now: ContinuousClock.Instant) -> String {
    if let timeout = request.timeout, let whole = wholeDeadline, whole <= now {
      return "not complete within \(timeout)"
    }
    return "no data for \(request.idleTimeout ?? .zero)"
  }

  // MARK: Completion

  /// Ends the transfer with a fault from outside; `wasSent` is set here.
  func abort(_ fault: HTTPFault) {
    sink.fail(HTTPFault(kind: fault.kind, wasSent: requestsBegun > 0, detail: fault.detail))
  }

  func complete(_ code: CURLcode) {
    guard code == CURLE_OK else { return sink.fail(fault(of: code)) }
    // libcurl accepts a connection that closes within the head as the end of a response.
    guard isHeadComplete else {
      return sink.fail(
        HTTPFault(
          kind: .noAnswer, wasSent: requestsBegun > 0, detail: "the connection closed in the head"))
    }
    switch sink {
    case .stream(let channel): channel.end(nil)
    case .whole(let continuation):
      let response = HTTPResponse(
        head: HTTPHead(status: status, headers: headers), body: body,
        newConnections: info(CURLINFO_NUM_CONNECTS),
        redirectURL: text(CURLINFO_REDIRECT_URL))
      continuation.resume(returning: .success(response))
    }
  }

  private func fault(of code: CURLcode) -> HTTPFault {
    let wasSent = requestsBegun > 0
    if let stopped {
      var fault = HTTPFault(kind: stopped.kind, wasSent: wasSent, detail: stopped.detail)
      fault.wasStale = wasStale
      return fault
    }
    let specific = String(cString: errorText)
    let detail = specific.isEmpty ? String(cString: curl_easy_strerror(code)) : specific
    let isURLWrong =
      [CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_LOGIN_DENIED].contains(code)
    let kind: HTTPFault.Kind = wasSent ? .noAnswer : isURLWrong ? .invalidURL : .unreachable
    return HTTPFault(kind: kind, wasSent: wasSent, detail: detail)
  }

  private func info(_ info: CURLINFO) -> Int {
    var value = 0
    return ccurl_info_long(easy, info, &value) == CURLE_OK ? value : 0
  }

  private func text(_ info: CURLINFO) -> String? {
    var value: UnsafePointer<CChar>?
    guard ccurl_info_string(easy, info, &value) == CURLE_OK, let value else { return nil }
    return String(cString: value)
  }
}
