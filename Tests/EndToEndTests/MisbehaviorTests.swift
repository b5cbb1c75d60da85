import EventLog
import FoundationEssentials
import Glibc
import Processes
import TestKit
import Testing

extension EndToEndTests {
  /// One installation for all of them, so that each also shows that the worker is fit for the next.
  @Suite("Agents that mean harm") struct MisbehaviorTests {}
}

/// What an agent does, and what it must come to.
struct Misbehavior: Sendable {
  let name: String
  /// Run with `sh`; `$1` is a folder outside of everything that the agent may touch.
  let script: String
  /// nil: `Pushed`.
  var code: String?
  /// What the failure's message holds.
  var says = ""
  /// The workflow with a limit of two seconds in place of a minute.
  var isShort = false
  /// The paths of the generated commit, as `git ls-tree` quotes them; empty: not looked at.
  var files: [String] = []
}

extension EndToEndTests.MisbehaviorTests {
  private static let token = "ghp_" + String(repeating: "x7", count: 18)

  private static let cases = [
    Misbehavior(name: "exits-1", script: "echo half > half; exit 1", code: "agent-failed"),
    Misbehavior(name: "does-nothing", script: "exit 0", code: "no-changes"),
    Misbehavior(
      name: "hangs", script: "while :; do sleep 1; done", code: "agent-timeout", isShort: true),
    Misbehavior(
      name: "ignores-term",
      script: "trap '' TERM; (sleep 600) & sleep 600; sleep 600",
      code: "agent-timeout", isShort: true),
    Misbehavior(
      name: "leaves-a-grandchild",
      script: "setsid sh -c 'while :; do echo x; sleep 1; done' & echo a > a; exit 0",
      files: ["a"]),
    Misbehavior(
      name: "floods", script: "head -c 100000000 /dev/zero | tr '\\0' x; echo a > a", files: ["a"]),
    Misbehavior(
      name: "fills-the-disk",
      script: "for i in $(seq 99); do head -c 20000000 /dev/zero > f$i; sleep 0.1; done; sleep 600",
      code: "agent-failed", says: "MiB of disk"),
    Misbehavior(
      name: "fills-the-disk-at-once",
      script: "head -c 300000000 /dev/zero > f && exit 0; rm f; exit 9", code: "agent-failed",
      says: "exit code 9"),
    Misbehavior(
      name: "is-many",
      script: "for i in $(seq 200); do sleep 600 & done; echo a > a; wait", code: "agent-failed",
      says: "processes at once"),
    Misbehavior(
      name: "plants-programs",
      script: """
        printf '#!/bin/sh\\ntouch "%s/stolen"\\n' "$1" > .evil; chmod +x .evil; mkdir -p .git/hooks
        for hook in pre-commit post-checkout post-index-change reference-transaction; do
          cp .evil .git/hooks/$hook; done
        e=$PWD/.evil
        printf '[core]\\nfsmonitor = %s\\nhooksPath = .git/hooks\\n' "$e" >> .git/config
        printf '[filter "x"]\\nclean = %s\\nsmudge = %s\\n' "$e" "$e" >> .git/config
        printf '[diff "x"]\\ncommand = %s\\n' "$e" >> .git/config
        printf '[credential]\\nhelper = %s\\n[gpg]\\nprogram = %s\\n' "$e" "$e" >> .git/config
        mkdir -p .git/info; echo '* filter=x diff=x' > .gitattributes
        cp .gitattributes .git/info/attributes; echo a > a
        """, files: [".evil", ".gitattributes", "README.md", "TASK.md", "a"]),
    Misbehavior(
      name: "looks-for-credentials",
      script: """
        env; git config -l; cat "$1/data/secrets/"* "$1/home/.git-credentials" /etc/shadow
        for p in /proc/[0-9]*; do tr '\\0' '\\n' < $p/environ; tr '\\0' ' ' < $p/cmdline; done
        find "$1" /etc -name '*-token' -type f -exec cat {} + ; echo a > a
        """, files: ["README.md", "TASK.md", "a"]),
    Misbehavior(
      name: "deletes-the-tree", script: "d=$PWD; cd /; rm -rf \"$d\"; exit 0",
      code: "agent-failed", says: "the agent removed"),
    Misbehavior(
      name: "makes-50000-files",
      script: "mkdir m; cd m; seq 50000 | xargs -n 2000 sh -c 'for i; do : > $i; done' sh",
      code: "change-refused", says: "files"),
    Misbehavior(
      name: "commits-by-itself",
      script: """
        echo a > a; git add -A; git -c user.name=x -c user.email=x@y commit -qm 'Aipm-Attempt: 9'
        """, files: ["README.md", "TASK.md", "a"]),
    Misbehavior(
      name: "moves-head",
      script: """
        git checkout -q --orphan other; git -c user.name=x -c user.email=x@y commit -qm other
        git branch -f main; rm -f .git/packed-refs; echo ref: refs/heads/nowhere > .git/HEAD
        echo a > a
        """, files: ["README.md", "TASK.md", "a"]),
    Misbehavior(
      name: "odd-names",
      script: """
        echo 1 > "$(printf 'a\\nb')"; echo 2 > --options; echo 3 > "$(printf 'x\\377')"
        echo 4 > ':(top)y'; echo 5 > ' z '
        """,
      files: [
        " z ", "--options", ":(top)y", "README.md", "TASK.md", #""a\nb""#, #""x\377""#,
      ]),
    Misbehavior(
      name: "changes-workflows",
      script: "mkdir -p .github/workflows; echo 'on: push' > .github/workflows/x.yml",
      code: "change-refused", says: ".github/workflows/x.yml"),
    Misbehavior(
      name: "plants-a-key", script: "echo 'k = \"\(token)\"' > settings.py",
      code: "change-refused", says: "settings.py"),
    Misbehavior(
      name: "hides-a-key",
      script: """
        echo '* -diff' > .gitattributes; f=$(printf 'k\\377')
        printf '\\0\\n++ \(token)\\n' > "$f"
        """, code: "change-refused", says: "credential"),
    Misbehavior(
      name: "links-out",
      script: "ln -s /etc/passwd p; ln -s ../../../../secrets s; rm README.md; ln -s / README.md",
      files: ["README.md", "TASK.md", "p", "s"]),
    Misbehavior(
      name: "leaves-a-repository",
      script:
        "git init -q i; cd i; git -c user.name=x -c user.email=x@y commit -q --allow-empty -m x",
      code: "agent-failed", says: "git repository in i"),
    Misbehavior(
      name: "names-a-submodule",
      script:
        "printf '[submodule \"x\"]\\npath = -x\\nurl = --upload-pack=touch /x\\n' > .gitmodules",
      code: "change-refused", says: "git's own checks"),
    Misbehavior(
      name: "points-at-large-files",
      script: """
        echo '*.bin filter=lfs diff=lfs merge=lfs -text' > .gitattributes
        printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:0\\nsize 9\\n' > l.bin
        """, files: [".gitattributes", "README.md", "TASK.md", "l.bin"]),
  ]

  private static func workflow(_ name: String, limit: String) -> String {
    """
    name: \(name)
    agent-preference: [demo]
    attempts: 1
    time-limits: {agent: \(limit)}
    limits: {output: 1MiB, disk: 200MiB, processes: 100, changed-files: 2000}
    templates:
      task-file: "{{objective}}"
      prompt: "{{objective}}"
      commit-message: "{{prTitle}}"
      pull-request-body: "{{objective}}"

    """
  }

  @Test(
    "each ends in its state, within its limit, and leaves nothing behind",
    arguments: ["auto", "off"])
  func all(sandbox: String) async throws {
    let secret = "planted-\(UInt64.random(in: 0...(.max)))-secret"
    let environment = ["AIPM_WEBHOOK_SECRET": secret, "AIPM_SANDBOX": sandbox]
    try await Installation.with(environment: environment, starts: false) { server in
      let repository = try await server.createRepository()
      let text = Self.cases.map { "  \($0.name))\n\($0.script)\n;;\n" }.joined()
      let agent = try server.script(
        "agent", "#!/bin/sh\nprompt=$(cat)\ncase $prompt in\n\(text)*) echo fine > fine;;\nesac\n")
      try FileManager.default.createDirectory(
        atPath: "\(server.folder)/workflows", withIntermediateDirectories: false)
      for (name, limit) in [("short", "2s"), ("long", "1m")] {
        try Self.workflow(name, limit: limit).write(
          toFile: "\(server.folder)/workflows/\(name).yaml", atomically: true, encoding: .utf8)
      }
      try await server.start([
        "--workers", "3", "--agent", "command", "--workflows", "\(server.folder)/workflows",
        "--agent-command", "\(agent) \(server.folder)",
      ])
      let secrets =
        try [secret]
        + ["worker-token", "forge-token"].map {
          try String(contentsOfFile: "\(server.data)/secrets/\($0)", encoding: .utf8)
            .filter { !$0.isNewline }
        }
      try await run(server, repository, unseen: sandbox == "auto" ? secrets : [secret])
    }
  }

  private func run(
    _ server: Installation, _ repository: BareRepository, unseen: [String]
  ) async throws {
    var ids: [String] = []
    for one in Self.cases {
      ids.append(try await server.submit(request(one.name, isShort: one.isShort)))
    }
    for (id, one) in zip(ids, Self.cases) {
      let ended: JSONValue
      do { ended = try await server.end(of: id) } catch {
        throw KitFault("\(one.name): \(error); \(try await server.events(of: id).last ?? .null)")
      }
      try await check(one, ended, server, repository, unseen: unseen)
    }
    // Every worker takes the next.
    for _ in 0..<3 {
      let next = try await server.end(of: try await server.submit(request("fine", isShort: false)))
      try await Outcome(server: server, repository: repository, delegation: next).check(
        verifies: false)
    }
    #expect(access("\(server.folder)/stolen", F_OK) != 0, "something of the agent was run")
    #expect(try processes(of: server).isEmpty, "processes of agents are left")
    for worker in try FileManager.default.contentsOfDirectory(atPath: "\(server.data)/workers") {
      let left = try FileManager.default.contentsOfDirectory(
        atPath: "\(server.data)/workers/\(worker)/attempts")
      #expect(left.isEmpty, "\(worker) keeps \(left)")
    }
    #expect(try await server.replay(["--verify"]).succeeded)
  }

  private func request(_ objective: String, isShort: Bool) -> JSONValue {
    Installation.request(
      "acme/tools", branch: "feature/\(objective)",
      [
        "objective": .string(objective), "constraints": .string(""),
        "acceptanceCriteria": .array([]), "workflow": .string(isShort ? "short" : "long"),
      ])
  }

  private func check(
    _ one: Misbehavior, _ ended: JSONValue, _ server: Installation,
    _ repository: BareRepository, unseen: [String]
  ) async throws {
    let failure = ended["failure"]
    #expect(ended["state"].stringValue == (one.code == nil ? "Pushed" : "Failed"), "\(one.name)")
    #expect(failure["code"].stringValue == one.code, "\(one.name): \(failure.canonicalText)")
    let message = failure["message"].stringValue ?? ""
    #expect(message.contains(one.says) || one.says.isEmpty, "\(one.name): \(message)")
    let id = ended["id"].stringValue ?? ""
    let output = try await server.get("/api/delegations/\(id)/output").text
    #expect(output.utf8.count < 1_100_000, "\(one.name): \(output.utf8.count) bytes")
    for secret in unseen {
      #expect(!output.contains(secret), "\(one.name) has seen a credential")
    }
    if one.isShort {
      let took = try await seconds(of: id, server)
      #expect(took < 15, "\(one.name) took \(took) s")
    }
    if one.code == nil {
      try await Outcome(server: server, repository: repository, delegation: ended).check(
        verifies: false)
      guard !one.files.isEmpty else { return }
      let branch = ended["branchName"].stringValue ?? ""
      let listed = try await repository.git(["ls-tree", "-r", "--name-only", branch])
      let known = one.files + (one.files == ["a"] ? ["README.md", "TASK.md"] : [])
      #expect(Set(listed.split(separator: "\n").map(String.init)) == Set(known), "\(one.name)")
    }
  }

  /// From the agent's start to the end.
  private func seconds(of id: String, _ server: Installation) async throws -> Double {
    let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    let times = try await server.events(of: id).filter {
      ["delegation.generating", "delegation.failed"].contains($0["type"].stringValue)
    }.compactMap { $0["time"].stringValue }.map { try format.parse($0).timeIntervalSince1970 }
    return (times.last ?? 0) - (times.first ?? 0)
  }

  /// What still runs of agents of this installation.
  private func processes(of server: Installation) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { number in
      guard number.allSatisfy(\.isNumber),
        let bytes = FileManager.default.contents(atPath: "/proc/\(number)/environ")
      else { return false }
      return Array(bytes).firstRange(of: Array("AIPM_ATTEMPT=\(server.data)".utf8)) != nil
    }
  }
}
