// Check runs and their annotations. On GitHub only apps make them; here every writer may.

import HTTPTypes
import Text

extension Route {
  private static let page = "checks/runs"

  /// Before the routes of commits, whose names may have slashes.
  static let checks: [Route] = [
    Route(
      .post, "check-runs", "\(page)#create-a-check-run", .checks,
      repository: { $0.createCheckRun }),
    Route(
      .get, "check-runs/:id", "\(page)#get-a-check-run", .checks,
      repository: { $0.getCheckRun }),
    Route(
      .patch, "check-runs/:id", "\(page)#update-a-check-run", .checks,
      repository: { $0.updateCheckRun }),
    Route(
      .get, "check-runs/:id/annotations", "\(page)#list-check-run-annotations", .checks,
      repository: { $0.listAnnotations }),
    Route(
      .get, "commits/*ref/check-runs", "\(page)#list-check-runs-for-a-git-reference", .checks,
      repository: { $0.listCheckRuns }),
  ]
}

extension RepositoryCall {
  private static let statuses: Set<String> = [
    "queued", "in_progress", "completed", "waiting", "requested", "pending",
  ]
  private static let conclusions: Set<String> = [
    "action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out",
  ]
  private static let levels: Set<String> = ["notice", "warning", "failure"]
  /// Of one call, as on GitHub.
  private static let annotationsMax = 50
  /// Of one text, as on GitHub.
  private static let textMax = 65535

  @Sendable func createCheckRun() async throws -> APIReply {
    let name = try call.requiredString("name")
    guard let head = try call.objectID("head_sha") else { throw APIError.notSupplied("head_sha") }
    guard try await repository.git.commit(head.hex) != nil else {
      throw APIError.unprocessable("No commit found for SHA: \(head)")
    }
    var run = CheckRunRecord(name: name, head: head, creator: call.login)
    run.startedAt = ForgeStore.now
    let (edited, annotations) = try edited(run)
    let made = try await api.store.write(edited, of: repository.record.id, adding: annotations)
    await publish(made, "created")
    if made.status == "completed" { await publish(made, "completed") }
    return .created(try await checkObjects([made.creator]).run(made))
  }

  @Sendable func getCheckRun() async throws -> APIReply {
    let run = try await checkRun()
    return .json(try await checkObjects([run.creator]).run(run))
  }

  @Sendable func updateCheckRun() async throws -> APIReply {
    let before = try await checkRun()
    var (run, annotations) = try edited(before)
    if let name = try call.string("name") { run.name = name }
    let after = try await api.store.write(run, of: repository.record.id, adding: annotations)
    if before.status != "completed", after.status == "completed" {
      await publish(after, "completed")
    }
    return .json(try await checkObjects([after.creator]).run(after))
  }

  @Sendable func listAnnotations() async throws -> APIReply {
    let run = try await checkRun()
    let page = try await api.store.annotations(
      of: run.id, limit: paging.size, offset: paging.offset)
    let show = try await checkObjects([])
    return paged(page.map { show.annotation($0, of: run) }, total: run.annotations)
  }

  @Sendable func listCheckRuns() async throws -> APIReply {
    let commit = try await commitOfRef()
    let query = CheckRunQuery(
      name: call.query["check_name"], status: call.query["status"],
      latest: call.query["filter"] != "all", limit: paging.size, offset: paging.offset)
    let (page, total) = try await api.store.checkRuns(
      of: repository.record.id, commit: commit, query)
    let show = try await checkObjects(page.map(\.creator))
    var reply = paged([], total: total)
    reply.content = .json([
      "total_count": JSONValue(total), "check_runs": .array(page.map(show.run)),
    ])
    return reply
  }

  // MARK: Parts

  /// The commit of `ref`: a name of a branch or tag, or an object name.
  func commitOfRef() async throws -> ObjectName {
    let ref = call.parameter("ref")
    guard let commit = try await repository.commit(ref) else {
      throw APIError.unprocessable("No commit found for SHA: \(ref)")
    }
    return commit.id
  }

  func checkRun() async throws -> CheckRunRecord {
    let id = Int64(try call.number("id"))
    guard let run = try await api.store.checkRun(id, of: repository.record.id) else {
      throw APIError.notFound
    }
    return run
  }

  func checkObjects(_ logins: [String]) async throws -> CheckObjects {
    CheckObjects(
      urls: repository.urls, repository: repository, users: try await api.store.users(logins),
      pulls: try await api.store.openPullRequests(of: repository.record.id))
  }

  private func publish(_ run: CheckRunRecord, _ action: String) async {
    await publish("check_run", action) {
      ["check_run": try await checkObjects([run.creator]).eventRun(run)]
    }
  }

  /// A check run with the members of the body, and the annotations to add.
  private func edited(_ run: CheckRunRecord) throws -> (CheckRunRecord, [AnnotationRecord]) {
    var run = run
    run.externalID = try call.string("external_id") ?? run.externalID
    run.detailsURL = try webAddress("details_url") ?? run.detailsURL
    run.status = try chosen("status", of: Self.statuses) ?? run.status
    run.startedAt = try call.time("started_at") ?? run.startedAt
    if let conclusion = try chosen("conclusion", of: Self.conclusions) {
      // As on GitHub, a conclusion completes the check.
      (run.conclusion, run.status) = (conclusion, "completed")
    }
    if run.status == "completed" {
      guard run.conclusion != nil else { throw APIError.notSupplied("conclusion") }
      run.completedAt = try call.time("completed_at") ?? run.completedAt ?? ForgeStore.now
    } else {
      (run.conclusion, run.completedAt) = (nil, nil)
    }
    guard let output = call.member("output") else { return (run, []) }
    var inner = self
    inner.call.body = output
    run.title = try inner.call.string("title") ?? run.title
    run.summary = try inner.limitedText("summary") ?? run.summary
    run.text = try inner.limitedText("text") ?? run.text
    return (run, try inner.annotations())
  }

  private func limitedText(_ name: String) throws -> String? {
    let text = try call.string(name)
    guard text?.utf8.count ?? 0 <= Self.textMax else {
      throw APIError.unprocessable("Only \(Self.textMax) characters are allowed in \(name).")
    }
    return text
  }

  private func chosen(_ name: String, of allowed: Set<String>) throws -> String? {
    guard let value = try call.string(name) else { return nil }
    guard allowed.contains(value) else { throw APIError.validation(.invalid("CheckRun", name)) }
    return value
  }

  /// An address that pages may link to.
  func webAddress(_ name: String) throws -> String? {
    guard let text = try call.string(name), !text.isEmpty else { return nil }
    guard text.hasPrefix("https://") || text.hasPrefix("http://"), text.utf8.count <= 2000 else {
      throw APIError.unprocessable("\(name) must use http(s) scheme")
    }
    return text
  }

  private func annotations() throws -> [AnnotationRecord] {
    let items = try call.array("annotations") ?? []
    guard items.count <= Self.annotationsMax else {
      throw APIError.unprocessable("No more than \(Self.annotationsMax) annotations per request.")
    }
    return try items.map { item in
      var inner = self
      inner.call.body = item
      guard let start = try inner.call.integer("start_line") else {
        throw APIError.notSupplied("start_line")
      }
      guard let level = try inner.chosen("annotation_level", of: Self.levels) else {
        throw APIError.notSupplied("annotation_level")
      }
      return AnnotationRecord(
        path: try inner.call.requiredString("path"), startLine: start,
        endLine: try inner.call.integer("end_line") ?? start,
        startColumn: try inner.call.integer("start_column"),
        endColumn: try inner.call.integer("end_column"), level: level,
        title: try inner.call.string("title"), message: try inner.call.requiredString("message"),
        details: try inner.limitedText("raw_details"))
    }
  }
}
