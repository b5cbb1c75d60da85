// Webhooks and deliveries as JSON.

import Text

struct HookObjects: Sendable {
  let urls: ForgeURLs
  let repository: RepositoryRecord

  /// GitHub's "Webhook". The secret is not shown.
  func hook(_ hook: HookRecord) -> JSONValue {
    let url = urls.api(repository, "/hooks/\(hook.id)")
    var config: JSONValue = [
      "url": .string(hook.url), "content_type": .string(hook.contentType), "insecure_ssl": "0",
    ]
    if hook.secret != nil { config = config.with(["secret": "********"]) }
    return [
      "type": "Repository", "id": JSONValue(hook.id), "name": "web",
      "active": JSONValue(hook.isActive), "events": .array(hook.events.map { .string($0) }),
      "config": config, "created_at": .time(hook.createdAt), "updated_at": .time(hook.updatedAt),
      "url": .string(url), "test_url": "\(url)/test", "ping_url": "\(url)/pings",
      "deliveries_url": "\(url)/deliveries",
      "last_response": [
        "code": JSONValue(hook.lastCode), "status": .string(hook.lastStatus),
        "message": JSONValue(hook.lastMessage),
      ],
    ]
  }

  /// GitHub's "Simple webhook delivery".
  func delivery(_ delivery: DeliveryRecord) -> JSONValue {
    let time = ISO8601.text(seconds: delivery.deliveredAt / 1000)
    return [
      "id": JSONValue(delivery.id), "guid": .string(delivery.guid), "delivered_at": .string(time),
      "redelivery": JSONValue(delivery.isRedelivery),
      "duration": .number(Double(delivery.duration) / 1000), "status": .string(delivery.status),
      "status_code": JSONValue(delivery.code), "event": .string(delivery.event),
      "action": JSONValue(delivery.action), "installation_id": nil,
      "repository_id": JSONValue(repository.id), "throttled_at": nil,
    ]
  }

  /// GitHub's "Webhook delivery".
  func fullDelivery(_ delivery: DeliveryRecord, of hook: HookRecord) -> JSONValue {
    self.delivery(delivery).with([
      "url": .string(hook.url),
      "request": [
        "headers": Self.parsed(Array(delivery.requestHeaders.utf8)),
        "payload": Self.parsed(delivery.payload),
      ],
      "response": [
        "headers": Self.parsed(Array(delivery.responseHeaders.utf8)),
        "payload": .string(delivery.response),
      ],
    ])
  }

  private static func parsed(_ bytes: [UInt8]) -> JSONValue {
    (try? JSONValue(parsing: bytes)) ?? nil
  }
}
