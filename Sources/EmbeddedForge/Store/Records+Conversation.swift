// The rows of reviews, checks, collaborators and webhooks.

/// What a user may do in a repository, in rising order, by the names of GitHub's calls.
enum RepositoryRole: String, Sendable, Comparable, CaseIterable {
  case none, pull, triage, push, maintain, admin

  static func < (one: Self, other: Self) -> Bool {
    (allCases.firstIndex(of: one) ?? 0) < (allCases.firstIndex(of: other) ?? 0)
  }

  /// `permission` of GitHub's "Repository Collaborator Permission", which has four levels.
  var level: String {
    switch self {
    case .none: "none"
    case .pull, .triage: "read"
    case .push, .maintain: "write"
    case .admin: "admin"
    }
  }

  /// `role_name` of the same.
  var roleName: String {
    switch self {
    case .pull: "read"
    case .push: "write"
    case .none, .triage, .maintain, .admin: rawValue
    }
  }
}

struct ReviewRecord: Sendable, Equatable {
  enum State: String, Sendable {
    case pending = "PENDING"
    case commented = "COMMENTED"
    case approved = "APPROVED"
    case changesRequested = "CHANGES_REQUESTED"
    case dismissed = "DISMISSED"
  }

  var id: Int64
  var pullRequest: Int64
  var author: String
  var state: State
  var body: String
  var commit: ObjectName
  var createdAt: Int64
  /// nil while it is pending.
  var submittedAt: Int64?
}

/// A place in the diff of a pull request, as it was when somebody commented on it.
struct DiffPlace: Sendable, Equatable {
  enum Side: String, Sendable {
    case left = "LEFT"
    case right = "RIGHT"
  }

  var path: String
  /// The path before a rename, else the same.
  var basePath: String
  var side = Side.right
  var startSide: Side?
  /// nil for a comment on the whole file.
  var line: Int?
  var startLine: Int?
  /// The number of lines below the first `@@` of the file.
  var position: Int?
  /// The two ends of the diff.
  var base: ObjectName
  var commit: ObjectName
  /// The hunk up to the line; empty for a whole file.
  var hunk = ""
}

struct ReviewCommentRecord: Sendable, Equatable {
  var id: Int64
  var pullRequest: Int64
  var number: Int
  var review: Int64
  var isPending: Bool
  var author: String
  var body: String
  var place: DiffPlace
  var inReplyTo: Int64?
  var createdAt: Int64
  var updatedAt: Int64
}

struct CheckRunRecord: Sendable, Equatable {
  var id: Int64 = 0
  var name: String
  var head: ObjectName
  var externalID = ""
  var detailsURL: String?
  var status = "queued"
  var conclusion: String?
  var startedAt: Int64?
  var completedAt: Int64?
  var title: String?
  var summary: String?
  var text: String?
  var creator: String
  /// The first check run of the same creator for this commit stands for the suite.
  var suite: Int64 = 0
  var annotations = 0
}

struct AnnotationRecord: Sendable, Equatable {
  var path: String
  var startLine: Int64
  var endLine: Int64
  var startColumn: Int64?
  var endColumn: Int64?
  var level: String
  var title: String?
  var message: String
  var details: String?
}

struct StatusRecord: Sendable, Equatable {
  var id: Int64
  var commit: ObjectName
  var state: String
  var targetURL: String?
  var description: String?
  var context: String
  var creator: String
  var createdAt: Int64
}

struct HookRecord: Sendable, Equatable {
  var id: Int64 = 0
  var url: String
  /// `json` or `form`.
  var contentType = "json"
  var secret: String?
  var events: [String]
  var isActive = true
  var createdAt: Int64 = 0
  var updatedAt: Int64 = 0
  var lastCode: Int64?
  var lastStatus = "unused"
  var lastMessage: String?

  func wants(_ event: String) -> Bool {
    isActive && (events.contains("*") || events.contains(event))
  }
}

struct DeliveryRecord: Sendable, Equatable {
  var id: Int64 = 0
  var guid: String
  var event: String
  var action: String?
  var isRedelivery: Bool
  /// Milliseconds since 1970.
  var deliveredAt: Int64 = 0
  /// Milliseconds.
  var duration: Int64 = 0
  /// 0 if there was no answer.
  var code: Int64 = 0
  var status = ""
  /// JSON objects, as text.
  var requestHeaders = "{}"
  var payload: [UInt8]
  var responseHeaders = "{}"
  var response = ""
}
