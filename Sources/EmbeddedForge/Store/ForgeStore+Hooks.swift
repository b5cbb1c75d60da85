// Webhooks, their deliveries, and collaborators in the database.

import SQLite

extension ForgeStore {
  private static let hookColumns = """
    id, url, content_type, secret, events, active, created_at, updated_at, last_code, last_status,
    last_message
    """

  /// The webhooks of a repository, oldest first.
  func hooks(of repository: Int64) throws -> [HookRecord] {
    try rows(
      "SELECT \(Self.hookColumns) FROM hooks WHERE repository=? ORDER BY id",
      [.integer(repository)], hook)
  }

  func hook(_ id: Int64, of repository: Int64) throws -> HookRecord? {
    try rows(
      "SELECT \(Self.hookColumns) FROM hooks WHERE id=? AND repository=?",
      [.integer(id), .integer(repository)], hook
    ).first
  }

  /// Adds a webhook, or replaces the one with this id.
  func write(_ hook: HookRecord, of repository: Int64) throws -> HookRecord {
    let now = SQLiteValue.integer(Self.now)
    let id = try row(
      """
      INSERT INTO hooks(id, repository, url, content_type, secret, events, active, created_at,
        updated_at)
      VALUES(?,?,?,?,?,?,?,?,?)
      ON CONFLICT(id) DO UPDATE SET url=excluded.url, content_type=excluded.content_type,
        secret=excluded.secret, events=excluded.events, active=excluded.active,
        updated_at=excluded.updated_at
      RETURNING id
      """,
      [
        hook.id == 0 ? .null : .integer(hook.id), .integer(repository), .text(hook.url),
        .text(hook.contentType), .optional(hook.secret),
        .text(hook.events.joined(separator: " ")), .integer(hook.isActive ? 1 : 0), now, now,
      ]
    ) { $0.integer(0) }
    guard let written = try self.hook(id, of: repository) else {
      throw ForgeStoreError.rowGone("hooks")
    }
    return written
  }

  func removeHook(_ id: Int64, of repository: Int64) throws {
    try database.run(
      "DELETE FROM hooks WHERE id=? AND repository=?", .integer(id), .integer(repository))
  }

  private func hook(_ row: Statement) -> HookRecord {
    HookRecord(
      id: row.integer(0), url: row.text(1) ?? "", contentType: row.text(2) ?? "json",
      secret: row.text(3), events: (row.text(4) ?? "").split(separator: " ").map(String.init),
      isActive: row.integer(5) != 0, createdAt: row.integer(6), updatedAt: row.integer(7),
      lastCode: row.optionalInteger(8), lastStatus: row.text(9) ?? "unused",
      lastMessage: row.text(10))
  }

  // MARK: Deliveries

  /// How many deliveries of a webhook are kept.
  static let deliveriesKept: Int64 = 100

  private static let deliveryColumns = """
    id, guid, event, action, redelivery, delivered_at, duration, code, status, request_headers,
    payload, response_headers, response
    """

  /// Records a delivery, and forgets the oldest ones. Nothing happens if the webhook was deleted.
  func add(_ delivery: DeliveryRecord, to hook: Int64) throws {
    try database.transaction {
      try database.run(
        """
        INSERT INTO hook_deliveries(hook, guid, event, action, redelivery, delivered_at, duration,
          code, status, request_headers, payload, response_headers, response)
        SELECT ?,?,?,?,?,?,?,?,?,?,?,?,? WHERE EXISTS (SELECT 1 FROM hooks WHERE id=?)
        """, .integer(hook), .text(delivery.guid), .text(delivery.event),
        .optional(delivery.action), .integer(delivery.isRedelivery ? 1 : 0),
        .integer(delivery.deliveredAt), .integer(delivery.duration), .integer(delivery.code),
        .text(delivery.status), .text(delivery.requestHeaders), .blob(delivery.payload),
        .text(delivery.responseHeaders), .text(delivery.response), .integer(hook))
      try database.run(
        """
        DELETE FROM hook_deliveries WHERE hook=? AND id NOT IN
          (SELECT id FROM hook_deliveries WHERE hook=? ORDER BY id DESC LIMIT ?)
        """, .integer(hook), .integer(hook), .integer(Self.deliveriesKept))
      let isSuccess = (200..<300).contains(delivery.code)
      try database.run(
        "UPDATE hooks SET last_code=?, last_status=?, last_message=? WHERE id=?",
        .optional(delivery.code == 0 ? nil : delivery.code),
        .text(isSuccess ? "active" : delivery.code == 0 ? "timeout" : "invalid_http_response"),
        .text(delivery.status), .integer(hook))
    }
  }

  /// The deliveries of a webhook, newest first.
  func deliveries(of hook: Int64, limit: Int, offset: Int) throws
    -> (page: [DeliveryRecord], total: Int)
  {
    let page = try rows(
      """
      SELECT \(Self.deliveryColumns) FROM hook_deliveries WHERE hook=?
      ORDER BY id DESC LIMIT ? OFFSET ?
      """, [.integer(hook), .integer(Int64(limit)), .integer(Int64(offset))], delivery)
    let total = try database.integer(
      "SELECT count(*) FROM hook_deliveries WHERE hook=?", .integer(hook))
    return (page, Int(total ?? 0))
  }

  func delivery(_ id: Int64, of hook: Int64) throws -> DeliveryRecord? {
    try rows(
      "SELECT \(Self.deliveryColumns) FROM hook_deliveries WHERE id=? AND hook=?",
      [.integer(id), .integer(hook)], delivery
    ).first
  }

  private func delivery(_ row: Statement) -> DeliveryRecord {
    DeliveryRecord(
      id: row.integer(0), guid: row.text(1) ?? "", event: row.text(2) ?? "", action: row.text(3),
      isRedelivery: row.integer(4) != 0, deliveredAt: row.integer(5), duration: row.integer(6),
      code: row.integer(7), status: row.text(8) ?? "", requestHeaders: row.text(9) ?? "{}",
      payload: row.blob(10), responseHeaders: row.text(11) ?? "{}", response: row.text(12) ?? "")
  }

  // MARK: Collaborators

  /// The collaborators of a repository with their roles, by login in lower case.
  func collaborators(of repository: Int64) throws -> [String: RepositoryRole] {
    let found = try rows(
      "SELECT login, permission FROM collaborators WHERE repository=?", [.integer(repository)]
    ) { row in
      RepositoryRole(rawValue: row.text(1) ?? "").map { ((row.text(0) ?? "").lowercased(), $0) }
    }
    return Dictionary(found) { _, last in last }
  }

  /// Sets the role of a collaborator; nil removes them.
  func setCollaborator(_ login: String, of repository: Int64, to role: RepositoryRole?) throws {
    if let role {
      try database.run(
        "INSERT OR REPLACE INTO collaborators(repository, login, permission) VALUES(?,?,?)",
        .integer(repository), .text(login), .text(role.rawValue))
    } else {
      try database.run(
        "DELETE FROM collaborators WHERE repository=? AND login=?", .integer(repository),
        .text(login))
    }
  }
}
