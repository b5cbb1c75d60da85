// Webhooks of a repository and their deliveries.

import HTTPTypes
import Text

extension Route {
  private static let one = "hooks/:id"
  private static let page = "repos/webhooks"

  static let hooks: [Route] = [
    hook(.get, "hooks", "list-repository-webhooks") { $0.listHooks },
    hook(.post, "hooks", "create-a-repository-webhook") { $0.createHook },
    hook(.get, one, "get-a-repository-webhook") { $0.getHook },
    hook(.patch, one, "update-a-repository-webhook") { $0.updateHook },
    hook(.delete, one, "delete-a-repository-webhook") { $0.deleteHook },
    hook(.post, "\(one)/pings", "ping-a-repository-webhook") { $0.pingHook },
    hook(.get, "\(one)/deliveries", "list-deliveries-for-a-repository-webhook") {
      $0.listDeliveries
    },
    hook(.get, "\(one)/deliveries/:delivery", "get-a-delivery-for-a-repository-webhook") {
      $0.getDelivery
    },
    hook(
      .post, "\(one)/deliveries/:delivery/attempts",
      "redeliver-a-delivery-for-a-repository-webhook"
    ) { $0.redeliver },
  ]

  private static func hook(
    _ method: HTTPRequest.Method, _ pattern: String, _ anchor: String,
    _ handler: @escaping @Sendable (RepositoryCall) -> Reply
  ) -> Route {
    Route(
      method, pattern, "\(page)#\(anchor)", .hooks, .secrets, repository: handler)
  }
}

extension RepositoryCall {
  /// GitHub's limit for one event.
  private static let hooksMax = 20

  private var hookObjects: HookObjects {
    HookObjects(urls: repository.urls, repository: repository.record)
  }

  @Sendable func listHooks() async throws -> APIReply {
    let hooks = try await api.store.hooks(of: repository.record.id)
    return paged(paging.slice(hooks).map(hookObjects.hook), total: hooks.count)
  }

  @Sendable func getHook() async throws -> APIReply {
    .json(hookObjects.hook(try await hook()))
  }

  @Sendable func createHook() async throws -> APIReply {
    let draft = try edited(HookRecord(url: "", events: ["push"]))
    guard !draft.url.isEmpty else { throw APIError.validation(.missing("Hook", "config[url]")) }
    let known = try await api.store.hooks(of: repository.record.id)
    if known.contains(where: { $0.url == draft.url && $0.contentType == draft.contentType }) {
      throw APIError.validation(.custom("Hook", "Hook already exists on this repository"))
    }
    guard known.count < Self.hooksMax else {
      throw APIError.validation(
        .custom("Hook", "The \"push\" event cannot have more than \(Self.hooksMax) hooks"))
    }
    let hook = try await api.store.write(draft, of: repository.record.id)
    if hook.isActive { try await api.ping(hook, in: repository, by: call.login) }
    return .created(hookObjects.hook(hook))
  }

  @Sendable func updateHook() async throws -> APIReply {
    let changed = try edited(try await hook())
    return .json(hookObjects.hook(try await api.store.write(changed, of: repository.record.id)))
  }

  @Sendable func deleteHook() async throws -> APIReply {
    try await api.store.removeHook(try await hook().id, of: repository.record.id)
    return .noContent
  }

  @Sendable func pingHook() async throws -> APIReply {
    try await api.ping(try await hook(), in: repository, by: call.login)
    return .noContent
  }

  private func hook() async throws -> HookRecord {
    let id = Int64(try call.number("id"))
    guard let hook = try await api.store.hook(id, of: repository.record.id) else {
      throw APIError.notFound
    }
    return hook
  }

  /// A webhook with the members of the body.
  private func edited(_ hook: HookRecord) throws -> HookRecord {
    var hook = hook
    if let name = try call.string("name"), name != "web" {
      throw APIError.validation(.invalid("Hook", "name"))
    }
    hook.isActive = try call.bool("active") ?? hook.isActive
    hook.events = try call.strings("events") ?? hook.events
    let added = try call.strings("add_events") ?? []
    let removed = Set(try call.strings("remove_events") ?? [])
    hook.events = (hook.events + added.filter { !hook.events.contains($0) }).filter {
      !removed.contains($0)
    }
    guard hook.events.count <= 100, hook.events.allSatisfy(Self.isEvent) else {
      throw APIError.validation(.invalid("Hook", "events"))
    }
    guard let config = call.member("config") else { return hook }
    var inner = call
    inner.body = config
    if let url = try inner.string("url") {
      guard WebURL(url) != nil else {
        throw APIError.validation(.custom("Hook", "url is not a valid URL", field: "url"))
      }
      hook.url = url
    }
    if let type = try inner.string("content_type") {
      guard type == "json" || type == "form" else {
        throw APIError.validation(.invalid("Hook", "config[content_type]"))
      }
      hook.contentType = type
    } else if hook.id == 0 {
      hook.contentType = "form"
    }
    if let secret = try inner.string("secret") { hook.secret = secret.isEmpty ? nil : secret }
    let insecure = inner.member("insecure_ssl")
    guard insecure == nil || insecure == "0" || insecure == 0 else {
      throw APIError.validation(
        .custom("Hook", "this forge verifies every certificate", field: "config[insecure_ssl]"))
    }
    return hook
  }

  /// `*`, or letters and underscores.
  private static func isEvent(_ name: String) -> Bool {
    name == "*"
      || !name.isEmpty && name.utf8.count <= 100
        && name.utf8.allSatisfy {
          (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "_")
        }
  }

  // MARK: Deliveries

  @Sendable func listDeliveries() async throws -> APIReply {
    let hook = try await hook()
    let (page, total) = try await api.store.deliveries(
      of: hook.id, limit: paging.size, offset: paging.offset)
    return paged(page.map(hookObjects.delivery), total: total)
  }

  @Sendable func getDelivery() async throws -> APIReply {
    let hook = try await hook()
    let delivery = try await delivery(of: hook)
    return .json(hookObjects.fullDelivery(delivery, of: hook))
  }

  /// Sends a delivery again, with the same GUID and payload.
  @Sendable func redeliver() async throws -> APIReply {
    let hook = try await hook()
    let delivery = try await delivery(of: hook)
    var again = WebhookCall(
      hook, delivery.event, delivery.action, repository: repository.record.id,
      payload: delivery.payload)
    (again.guid, again.isRedelivery) = (delivery.guid, true)
    api.webhooks.send(again)
    return .json([:], .accepted)
  }

  private func delivery(of hook: HookRecord) async throws -> DeliveryRecord {
    let id = Int64(try call.number("delivery"))
    guard let delivery = try await api.store.delivery(id, of: hook.id) else {
      throw APIError.notFound
    }
    return delivery
  }
}
