import CCurl
import Synchronization
import SystemCalls

/// Sends mail to one server by SMTP, with libcurl. Each call has a thread of its own, because mails
/// are few and libcurl's simple interface blocks.
///
/// TLS is required, and the certificate is checked: `smtps` begins with it, `smtp` must upgrade
/// with STARTTLS. Only a server on this machine may be without.
package struct MailClient: Sendable {
  /// Why a mail was not accepted.
  package struct Fault: Error, Sendable, CustomStringConvertible {
    /// Whether the server refused it for good (a reply of 500 to 599).
    package let isPermanent: Bool
    /// Contains neither the credential nor the mail.
    package let description: String
  }

  /// `smtps://HOST:PORT` or `smtp://HOST:PORT`.
  package let url: String
  private let user: String?
  private let password: String?
  private let isLoopback: Bool
  private let authoritiesFile: String?
  private let timeout: Duration

  /// - Parameters:
  ///   - isLoopback: whether the host is this machine.
  ///   - authoritiesFile: a PEM file of trusted authorities, instead of the system's.
  ///   - timeout: of one call, the connection included.
  package init(
    url: String, user: String?, password: String?, isLoopback: Bool, authoritiesFile: String?,
    timeout: Duration = .seconds(60)
  ) {
    self.url = url
    self.user = user
    self.password = password
    self.isLoopback = isLoopback
    self.authoritiesFile = authoritiesFile
    self.timeout = timeout
  }

  /// Sends a mail. Recipients that the server refuses are left out, if it accepts another one.
  /// - Parameter message: with its headers, and CRLF at the ends of its lines.
  package func send(
    _ message: [UInt8], from: String, to recipients: [String]
  ) async throws(Fault) {
    try await onThread { () throws(Fault) in
      let transfer = try MailTransfer(message)
      try prepare(transfer)
      try transfer.set(CURLOPT_MAIL_FROM, "<\(from)>")
      try transfer.setList(CURLOPT_MAIL_RCPT, recipients.map { "<\($0)>" })
      try transfer.set(CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1)
      try transfer.set(CURLOPT_UPLOAD, 1)
      try transfer.perform()
    }
  }

  /// Connects and signs in, and sends nothing.
  package func check() async throws(Fault) {
    try await onThread { () throws(Fault) in
      let transfer = try MailTransfer([])
      try prepare(transfer)
      try transfer.set(CURLOPT_CONNECT_ONLY, 1)
      try transfer.perform()
    }
  }

  private func prepare(_ transfer: MailTransfer) throws(Fault) {
    let milliseconds = Int(timeout / .milliseconds(1))
    try transfer.set(CURLOPT_URL, url)
    try transfer.set(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
    try transfer.set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
    try transfer.set(CURLOPT_NOSIGNAL, 1)
    try transfer.set(CURLOPT_PROXY, "")
    try transfer.set(CURLOPT_TIMEOUT_MS, milliseconds)
    try transfer.set(CURLOPT_CONNECTTIMEOUT_MS, min(milliseconds, 15_000))
    try transfer.set(
      CURLOPT_USE_SSL, Int((isLoopback ? CURLUSESSL_TRY : CURLUSESSL_ALL).rawValue))
    if let authoritiesFile { try transfer.set(CURLOPT_CAINFO, authoritiesFile) }
    if let user { try transfer.set(CURLOPT_USERNAME, user) }
    if let password { try transfer.set(CURLOPT_PASSWORD, password) }
  }

  private func onThread(
    _ body: @escaping @Sendable () throws(Fault) -> Void
  ) async throws(Fault) {
    let result = await withCheckedContinuation {
      (continuation: CheckedContinuation<Result<Void, Fault>, Never>) in
      let isStarted = startThread(name: "aipm-mail") {
        continuation.resume(returning: Result { () throws(Fault) in try body() })
      }
      if !isStarted {
        continuation.resume(
          returning: .failure(
            Fault(isPermanent: false, description: "the system has no more threads")))
      }
    }
    try result.get()
  }
}

/// One call of libcurl, confined to its thread.
private final class MailTransfer {
  private let easy: UnsafeMutableRawPointer
  private let message: [UInt8]
  private var sent = 0
  private var lists: [UnsafeMutablePointer<curl_slist>] = []
  private let errorText: UnsafeMutablePointer<CChar>

  init(_ message: [UInt8]) throws(MailClient.Fault) {
    guard TransferLoop.isLibraryReady, let easy = curl_easy_init() else {
      throw MailClient.Fault(isPermanent: false, description: "libcurl: out of memory")
    }
    self.easy = easy
    self.message = message
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    // Unretained: the handle is used by `perform` alone.
    let context = Unmanaged.passUnretained(self).toOpaque()
    _ = ccurl_set_string(easy, CURLOPT_ERRORBUFFER, errorText)
    _ = ccurl_set_write(easy, { _, size, count, _ in size * count }, context)
    _ = ccurl_set_read(
      easy,
      { buffer, size, count, context in
        guard let buffer, let context else { return Int(CURL_READFUNC_ABORT) }
        let transfer = Unmanaged<MailTransfer>.fromOpaque(context).takeUnretainedValue()
        return transfer.provide(UnsafeMutableRawBufferPointer(start: buffer, count: size * count))
      }, context)
    _ = ccurl_set_private_sockets(easy)
  }

  deinit {
    curl_easy_cleanup(easy)
    for list in lists { curl_slist_free_all(list) }
    errorText.deallocate()
  }

  func set(_ option: CURLoption, _ value: Int) throws(MailClient.Fault) {
    try check(ccurl_set_long(easy, option, value))
  }

  func set(_ option: CURLoption, _ value: String) throws(MailClient.Fault) {
    try check(ccurl_set_string(easy, option, value))
  }

  func setList(_ option: CURLoption, _ values: [String]) throws(MailClient.Fault) {
    var list: UnsafeMutablePointer<curl_slist>?
    for value in values {
      guard let longer = curl_slist_append(list, value) else {
        curl_slist_free_all(list)
        throw MailClient.Fault(isPermanent: false, description: "libcurl: out of memory")
      }
      list = longer
    }
    if let list { lists.append(list) }
    try check(ccurl_set_list(easy, option, list))
  }

  func perform() throws(MailClient.Fault) { try check(curl_easy_perform(easy)) }

  private func check(_ code: CURLcode) throws(MailClient.Fault) {
    guard code != CURLE_OK else { return }
    let specific = String(cString: errorText)
    var reply = 0
    _ = ccurl_info_long(easy, CURLINFO_RESPONSE_CODE, &reply)
    let detail = specific.isEmpty ? String(cString: curl_easy_strerror(code)) : specific
    throw MailClient.Fault(
      // A server that wants TLS or another user is set up wrong, which somebody mends.
      isPermanent: (500...599).contains(reply) && ![530, 534, 535, 538].contains(reply)
        || code == CURLE_URL_MALFORMAT,
      description: reply == 0 ? detail : "it replied \(reply): \(detail)")
  }

  private func provide(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    let part = message[sent...].prefix(buffer.count)
    buffer.copyBytes(from: part)
    sent += part.count
    return part.count
  }
}
