#if PostgreSQL

import CPostgreSQL
import Glibc

/// One session. It belongs to its owner, who uses it from one thread at a time.
package final class PostgreSQLConnection {
  /// How long calls may take.
  package struct Limits: Sendable {
    /// The longest wait for one host to accept the connection, in seconds.
    package var connectSeconds = 5
    /// The longest time of one statement on the side of the client.
    package var statement: Duration = .seconds(60)

    package init() {}
  }

  /// The bound of the cache of prepared statements. Statements that are made from requests must not
  /// fill the server's memory.
  private static let cachedMax = 256

  let handle: OpaquePointer
  private let address: PostgreSQLAddress
  package var limits: Limits
  private(set) var prepared: [String: String] = [:]
  private var isBroken = false
  /// The pipeline that is not answered completely.
  var answering: PipelineAnswers?
  /// The code of the last warning of the server since `forgetWarning`; nil if there was none.
  package private(set) var warning: String?

  /// Connects to the first host that accepts writes.
  /// - Parameters:
  ///   - name: the name of the session in the server's lists.
  ///   - takesStandby: whether a server that only reads is accepted.
  /// - Throws: `PostgreSQLError` if no host accepts within the time limit.
  package init(
    _ address: PostgreSQLAddress, name: String, limits: Limits = Limits(),
    takesStandby: Bool = false
  ) throws(PostgreSQLError) {
    self.address = address
    self.limits = limits
    // What the address says comes first, so that it cannot change what durability depends on.
    var all = address.parameters.map { ($0.keyword, $0.value) }
    all += [
      ("application_name", name), ("client_encoding", "UTF8"), ("keepalives", "1"),
      ("keepalives_idle", "1"), ("keepalives_interval", "1"), ("keepalives_count", "2"),
      ("tcp_user_timeout", "3000"), ("connect_timeout", String(limits.connectSeconds)),
    ]
    if !takesStandby { all.append(("target_session_attrs", "read-write")) }
    let made = Self.connect(all)
    guard let made else {
      throw PostgreSQLError(message: "memory ran out", operation: "connect", isLost: true)
    }
    handle = made
    guard PQstatus(handle) == CONNECTION_OK, PQsetnonblocking(handle, 1) == 0 else {
      let message = Self.message(PQerrorMessage(handle))
      throw PostgreSQLError(
        message: address.withoutPassword(message), operation: "connect", isLost: true)
    }
    PQsetNoticeReceiver(
      handle,
      { context, result in
        guard let context, let field = PQresultErrorField(result, sqlStateField) else { return }
        let connection = Unmanaged<PostgreSQLConnection>.fromOpaque(context).takeUnretainedValue()
        // A notice such as "relation already exists, skipping" is no warning.
        let level = PQresultErrorField(result, severityField).map { String(cString: $0) }
        if level == "WARNING" { connection.warning = String(cString: field) }
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit { PQfinish(handle) }

  private static func connect(_ parameters: [(String, String)]) -> OpaquePointer? {
    var keywords: [UnsafeMutablePointer<CChar>?] = []
    var values: [UnsafeMutablePointer<CChar>?] = []
    for (keyword, value) in parameters {
      keywords.append(strdup(keyword))
      values.append(strdup(value))
    }
    defer {
      for text in keywords + values { free(text) }
    }
    // The arrays end with nil.
    let names = (keywords + [nil]).map { UnsafePointer($0) }
    let texts = (values + [nil]).map { UnsafePointer($0) }
    return PQconnectdbParams(names, texts, 0)
  }

  // MARK: Facts

  /// Whether the session can still be used.
  package var isUsable: Bool { !isBroken && PQstatus(handle) == CONNECTION_OK }

  /// The number of the server's process, as the server said when the session began.
  package var announcedProcess: Int64 { Int64(PQbackendPID(handle)) }

  /// `150018` for 15.18.
  package var serverVersion: Int { Int(PQserverVersion(handle)) }

  /// The host, the port and the database of this session.
  package var place: String {
    "\(String(cString: PQhost(handle))):\(String(cString: PQport(handle)))"
      + "/\(String(cString: PQdb(handle)))"
  }

  /// Whether a transaction is open.
  package var isInTransaction: Bool { PQtransactionStatus(handle) != PQTRANS_IDLE }

  /// Forgets the last warning.
  package func forgetWarning() { warning = nil }

  // MARK: Statements

  /// Runs one or more statements without parameters.
  /// - Returns: the result of the last one.
  @discardableResult
  package func execute(_ sql: String) throws(PostgreSQLError) -> PostgreSQLRows {
    let deadline = try begin(sql)
    guard PQsendQuery(handle, sql) == 1 else { throw lost(sql) }
    return try collect(sql, deadline)
  }

  /// Runs one statement with these values, which are `$1`, `$2` and so on. It is prepared on its
  /// first use.
  @discardableResult
  package func query(
    _ sql: String, _ values: [PostgreSQLValue] = []
  ) throws(PostgreSQLError) -> PostgreSQLRows {
    let name = try prepare(sql, values)
    let deadline = try begin(sql)
    guard send(name, values) else { throw lost(sql) }
    return try collect(sql, deadline)
  }

  /// - Returns: whether libpq has taken the statement.
  func send(_ prepared: String, _ values: [PostgreSQLValue]) -> Bool {
    withParameters(values) { pointers, lengths, formats in
      PQsendQueryPrepared(
        handle, prepared, Int32(values.count), pointers, lengths, formats, 1) == 1
    }
  }

  /// The same for a statement that is not prepared, because its text differs each time.
  @discardableResult
  package func queryOnce(
    _ sql: String, _ values: [PostgreSQLValue]
  ) throws(PostgreSQLError) -> PostgreSQLRows {
    let deadline = try begin(sql)
    let types = values.map(\.type)
    let isSent = withParameters(values) { pointers, lengths, formats in
      PQsendQueryParams(
        handle, sql, Int32(values.count), types, pointers, lengths, formats, 1) == 1
    }
    guard isSent else { throw lost(sql) }
    return try collect(sql, deadline)
  }

  func prepare(
    _ sql: String, _ values: @autoclosure () -> [PostgreSQLValue]
  ) throws(PostgreSQLError) -> String {
    if let known = prepared[sql] { return known }
    try makeRoom(for: 1)
    let name = "s\(prepared.count)"
    let types = values().map(\.type)
    let deadline = try begin(sql)
    guard PQsendPrepare(handle, name, sql, Int32(types.count), types) == 1 else { throw lost(sql) }
    _ = try collect(sql, deadline)
    prepared[sql] = name
    return name
  }

  /// Forgets all prepared statements if there is no room for more of them.
  func makeRoom(for count: Int) throws(PostgreSQLError) {
    guard prepared.count + count > Self.cachedMax else { return }
    try execute("DEALLOCATE ALL")
    prepared.removeAll()
  }

  private typealias Pointers = [UnsafePointer<CChar>?]

  private func withParameters<T>(
    _ values: [PostgreSQLValue], _ body: (Pointers, [Int32], [Int32]) -> T
  ) -> T {
    var out = BinaryWriter()
    var starts: [Int] = []
    var lengths: [Int32] = []
    for value in values {
      starts.append(out.bytes.count)
      value.write(to: &out)
      lengths.append(Int32(out.bytes.count - (starts.last ?? 0)))
      // An empty value needs an address too.
      out.put(Int16(0))
    }
    return out.bytes.withUnsafeBufferPointer { buffer in
      buffer.withMemoryRebound(to: CChar.self) { bytes in
        let pointers: Pointers = values.indices.map { index in
          values[index].isNull ? nil : bytes.baseAddress.map { $0 + starts[index] }
        }
        return body(pointers, lengths, Array(repeating: 1, count: values.count))
      }
    }
  }

  // MARK: Waiting

  func begin(_ sql: String) throws(PostgreSQLError) -> ContinuousClock.Instant {
    guard isUsable else { throw lost(sql) }
    return .now + limits.statement
  }

  /// The results up to the end.
  /// - Parameter copiesIn: called when the server asks for the rows of a copy, with the result
  ///   before it; false if there are no rows for it.
  /// - Returns: the last one.
  /// - Throws: the first error of the server.
  func collect(
    _ sql: String, _ deadline: ContinuousClock.Instant,
    copiesIn: (PostgreSQLRows?) throws(PostgreSQLError) -> Bool = { _ in false }
  ) throws(PostgreSQLError) -> PostgreSQLRows {
    var last: PostgreSQLRows?
    var failure: PostgreSQLError?
    while let result = try next(sql, deadline) {
      switch PQresultStatus(result) {
      case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY, PGRES_SINGLE_TUPLE:
        last = PostgreSQLRows(result)
      case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
        let takesRows = PQresultStatus(result) == PGRES_COPY_IN
        PQclear(result)
        if takesRows, try copiesIn(last) { continue }
        throw lost(sql, "the server began a copy that was not asked for")
      case _:
        failure = failure ?? error(of: result, sql)
        PQclear(result)
      }
    }
    if let failure {
      throw failure.isLost ? broken(failure) : failure
    }
    guard let last else { throw lost(sql) }
    return last
  }

  /// The next result; nil after the last.
  func next(
    _ sql: String, _ deadline: ContinuousClock.Instant
  ) throws(PostgreSQLError) -> OpaquePointer? {
    guard try hasNext(sql, by: deadline) else { throw silent(sql) }
    return PQgetResult(handle)
  }

  /// Waits until `PQgetResult` would not block.
  /// - Returns: false if it still would at the deadline.
  func hasNext(
    _ sql: String, by deadline: ContinuousClock.Instant
  ) throws(PostgreSQLError) -> Bool {
    while true {
      let isFlushed: Bool
      switch PQflush(handle) {
      case 0: isFlushed = true
      case 1: isFlushed = false
      case _: throw lost(sql)
      }
      if isFlushed, PQisBusy(handle) == 0 { return true }
      guard try isReady(isFlushed ? POLLIN : POLLIN | POLLOUT, sql, by: deadline) else {
        return false
      }
      guard PQconsumeInput(handle) == 1 else { throw lost(sql) }
    }
  }

  func wait(
    _ events: Int32, _ sql: String, _ deadline: ContinuousClock.Instant
  ) throws(PostgreSQLError) {
    guard try isReady(events, sql, by: deadline) else { throw silent(sql) }
  }

  /// Waits for the socket. It is looked at also if the deadline has passed.
  func isReady(
    _ events: Int32, _ sql: String, by deadline: ContinuousClock.Instant
  ) throws(PostgreSQLError) -> Bool {
    var entry = pollfd(fd: PQsocket(handle), events: Int16(events), revents: 0)
    while true {
      let left = max(deadline - .now, .zero)
      let milliseconds = left.components.seconds >= 1 ? 1000 : Int32(left / .milliseconds(1))
      let found = poll(&entry, 1, milliseconds)
      if found > 0 { return true }
      if found < 0, errno != EINTR { throw lost(sql, String(cString: strerror(errno))) }
      if deadline <= .now { return false }
    }
  }

  // MARK: Errors

  /// Marks the session as ended.
  func broken(_ error: PostgreSQLError) -> PostgreSQLError {
    isBroken = true
    return error
  }

  func silent(_ sql: String) -> PostgreSQLError {
    lost(sql, "no answer within \(limits.statement.components.seconds) s")
  }

  func lost(_ sql: String, _ reason: String? = nil) -> PostgreSQLError {
    isBroken = true
    let said = Self.message(PQerrorMessage(handle))
    return PostgreSQLError(
      message: address.withoutPassword(reason ?? (said.isEmpty ? "the session has ended" : said)),
      operation: sql, isLost: true)
  }

  func error(of result: OpaquePointer, _ sql: String) -> PostgreSQLError {
    let code = PQresultErrorField(result, sqlStateField).map { String(cString: $0) } ?? ""
    let primary = PQresultErrorField(result, messageField).map { String(cString: $0) }
    let message = primary ?? Self.message(PQresultErrorMessage(result))
    // The server ends the session with these, or the connection is gone already.
    let ends = code.isEmpty || code.hasPrefix("08") || code.hasPrefix("57P")
    let isTimeout = code == "25P03" || code == "25P02" && PQstatus(handle) != CONNECTION_OK
    return PostgreSQLError(
      code: code, message: address.withoutPassword(message), operation: sql,
      isLost: ends || isTimeout || PQstatus(handle) != CONNECTION_OK)
  }

  private static func message(_ text: UnsafePointer<CChar>?) -> String {
    let lines = text.map { String(cString: $0) } ?? ""
    return lines.split(separator: "\n").map { $0.drop { $0 == " " || $0 == "\t" } }
      .joined(separator: "; ")
  }
}

// The fields of an error have these letters (postgres_ext.h).
private let sqlStateField = Int32(UInt8(ascii: "C"))
private let messageField = Int32(UInt8(ascii: "M"))
private let severityField = Int32(UInt8(ascii: "V"))

#endif
