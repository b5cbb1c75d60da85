import Cryptography
import Randomness
import Text
import WorkerProtocol

/// Requests to the server, each a changed valid one. What surrounds the changed part is valid, so
/// that it comes as far as possible.
struct Requests: Sendable {
  /// A token that may submit, but to no repository that a request names: a valid submission is read
  /// whole and then refused.
  let token: String
  /// A worker's.
  let key: WorkerKey
  static let worker = "fuzz"
  static let webhookSecret = "a secret of the webhook"

  /// Valid bodies of `POST /api/personal-delegate` and others.
  static let bodies: [[UInt8]] = [
    """
    {"owner":"acme","repo":"tools","branchName":"feature/add-export","taskTitle":"Add export",\
    "objective":"User can export data","prTitle":"feat: Add export","constraints":["a","b"],\
    "acceptanceCriteria":"one\\ntwo","baseBranch":"main","agent":"demo","priority":3,"draft":true,\
    "workflow":"personal-delegate"}
    """,
    #"{"branch":"b","prNumber":1,"taskDescription":"Täsk","owner":"acme","repo":"tools"}"#,
    #"{"reason":"it names a person"}"#, #"{"token":"aipm_0123456789"}"#,
    #"{"a":[1,2.5e3,-0,null,true,"\"\\\/\b\f\n\r\t"],"b":{"c":{}}}"#,
  ].map { Array($0.utf8) }

  private static let lease = #""lease":{"delegation":"d","attempt":1,"token":4294967297}"#

  private static let workerBodies: [(route: String, body: [UInt8])] = [
    ("agents", #"{"worker":"fuzz"}"#),
    (
      "register",
      """
      {"worker":"fuzz","host":"h","version":"1","agents":["demo"],"local":false,\
      "journal":[{\(lease),"commit":"0123456789012345678901234567890123456789"}]}
      """
    ),
    ("heartbeat", #"{"worker":"fuzz","incarnation":1,"agentSilentMs":5}"#),
    (
      "generating",
      #"{"worker":"fuzz",\#(lease),"agent":"demo","session":"s","head":"0123456789"}"#
    ),
    (
      "result",
      """
      {"worker":"fuzz",\(lease),"outcome":"agentFailed","durationMs":5,"outputBytes":1,\
      "outputDigest":"00","message":"m","used":{"inputTokens":5,"cost":1},"network":null}
      """
    ),
    ("leaving", #"{"worker":"fuzz","incarnation":1}"#),
    ("fetch", #"{"worker":"fuzz",\#(lease),"repository":"acme/tools","wants":[],"haves":[]}"#),
    ("tags", #"{"worker":"fuzz",\#(lease),"names":[]}"#),
  ].map { ($0.0, Array($0.1.utf8)) }

  private static let repository =
    #""repository":{"full_name":"acme/tools"},"sender":{"login":"octocat"}"#

  private static let webhooks: [(event: String, body: [UInt8])] = [
    (
      "pull_request",
      """
      {"action":"closed","number":7,"pull_request":{"number":7,"merged":true,"state":"closed",\
      "updated_at":"2026-01-01T00:00:00Z","body":"b","head":{"ref":"b","sha":"0"}},\
      "repository":{"full_name":"acme/tools","name":"tools","owner":{"login":"acme"}},\
      "sender":{"login":"octocat"}}
      """
    ),
    (
      "push",
      """
      {"ref":"refs/heads/main","before":"0","after":"1","deleted":false,\
      "repository":{"full_name":"acme/tools","name":"tools","owner":{"login":"acme"}}}
      """
    ),
    ("ping", #"{"zen":"z","hook_id":1}"#),
    (
      "pull_request_review",
      """
      {"action":"submitted","review":{"id":1,"user":{"login":"ann","type":"User"},"body":"b",\
      "state":"commented","commit_id":"0","submitted_at":"2026-01-01T00:00:00Z"},\
      "pull_request":{"number":7},\(repository)}
      """
    ),
    (
      "pull_request_review_comment",
      """
      {"action":"created","comment":{"id":1,"user":null,"body":"b","path":"a","line":3,\
      "original_line":3,"side":"RIGHT","diff_hunk":"@@ -1 +1 @@","in_reply_to_id":2,\
      "original_commit_id":"0","created_at":"2026-01-01T00:00:00Z"},\
      "pull_request":{"number":7},\(repository)}
      """
    ),
    (
      "issue_comment",
      """
      {"action":"created","comment":{"id":1,"user":{"login":"ann"},"body":"@aipm b"},\
      "issue":{"number":7,"pull_request":{}},\(repository)}
      """
    ),
    (
      "check_run",
      """
      {"action":"completed","check_run":{"id":1,"name":"n","head_sha":"0","status":"completed",\
      "conclusion":"failure","output":{"title":"t","summary":"s","annotations_count":1},\
      "app":{"slug":"ci"},"pull_requests":[{"number":7}]},\(repository)}
      """
    ),
    (
      "status",
      """
      {"id":1,"sha":"0","context":"ci","state":"failure","description":"d",\(repository)}
      """
    ),
  ].map { ($0.0, Array($0.1.utf8)) }

  private static let targets = [
    "/api/delegations?limit=10&state=Pushed&repo=acme/tools&cursor=12",
    "/api/events?after=1&limit=9",
    "/api/delegations/PR1733356800123", "/api/delegations/acme%2Ftools%231", "/api/pull-requests",
    "/api/delegations/01a22636-77c0-7000-bb84-5515c4bf5126/output?attempt=1&raw=1", "/api/choices",
    "/api/delegations/x/diff", "/api/workers", "/metrics", "/api/health?window=1h",
    "/assets/app.js",
    "/sign-in/openid/callback?state=a&code=b", "/index.html",
  ].map { Array($0.utf8) }

  /// The request of a number, whole.
  func next(_ random: inout Seeded) -> [UInt8] {
    switch random.below(8) {
    case 0, 1:
      let submits = random.below(2) == 0
      let route = random.one(
        of: submits
          ? ["/api/personal-delegate", "/generate-code"]
          : [
            "/api/session", "/api/events/1/redact", "/api/delegations/x/cancel",
            "/api/delegations/x/retry",
          ])
      let body = Mutation.mutate(random.one(of: Self.bodies), &random)
      return post(route, body, submits ? authorized : "")
    case 2:
      let query = Mutation.mutate(Array(random.one(of: Reader.queries).utf8), &random)
      return get("/api/audit?q=\(Percent.encode(String(decoding: query, as: UTF8.self)))", "")
    case 3:
      let target = Self.plain(Mutation.mutate(random.one(of: Self.targets), &random))
      return get(target.hasPrefix("/") ? target : "/\(target)", "")
    case 4:
      let (event, valid) = random.one(of: Self.webhooks)
      let body = Mutation.mutate(valid, &random)
      let code = Hex.encode(
        HMACSHA256.code(for: body, key: Array(Self.webhookSecret.utf8)))
      return post(
        "/webhooks/github", body,
        "X-GitHub-Event: \(event)\r\nX-GitHub-Delivery: \(random.next())\r\n"
          + "X-Hub-Signature-256: sha256=\(code)\r\n")
    case 5, 6:
      let (route, valid) = random.one(of: Self.workerBodies)
      let body = Mutation.mutate(valid, &random)
      let target = "/worker/v1/\(route)"
      let proof = RequestProof(
        key, worker: Self.worker, method: "POST", target: target, body: SHA256.hex(body),
        time: ServerRun.now())
      return post(target, body, "Authorization: \(proof.header)\r\n")
    case _:
      let value = Array("aipm_session=\(String(repeating: "a", count: 64)); x=y".utf8)
      let cookie = Self.plain(Mutation.mutate(value, &random))
      return get("/api/me", "Cookie: \(cookie)\r\n")
    }
  }

  /// A request whose head is changed: where it ends is the server's to decide.
  func nextHead(_ random: inout Seeded) -> [UInt8] {
    let valid = random.one(of: [
      get("/api/me", authorized), post("/api/session", Self.bodies[3], ""),
      Array(
        ("POST /generate-code HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n"
          + "Content-Type: application/json\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n").utf8),
    ])
    return Mutation.mutate(Mutation.mutate(valid, &random), &random)
  }

  private var authorized: String { "Authorization: Bearer \(token)\r\n" }

  private func get(_ target: String, _ fields: String) -> [UInt8] {
    Array("GET \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(fields)\r\n".utf8)
  }

  private func post(_ target: String, _ body: [UInt8], _ fields: String) -> [UInt8] {
    Array(
      ("POST \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        + "Content-Length: \(body.count)\r\n\(fields)\r\n").utf8) + body
  }

  /// Without bytes that would end a line or a word of a head.
  private static func plain(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.filter { $0 > 0x20 && $0 < 0x7f }, as: UTF8.self)
  }
}
