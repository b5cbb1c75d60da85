import EventLog
import FoundationEssentials
import Glibc
import Processes
import TestKit
import Testing
import Text

extension EndToEndTests {
  /// The command line as somebody uses it who delegates ten times a day.
  @Suite("The command line, every day") struct EverydayTests {}
}

/// A server, its forge, and a folder in which the user works.
private struct Desk {
  let server: Installation
  let forge: String
  let clone: String

  /// Writes what it is told, and a file that would take over a terminal.
  private static let agent = #"""
    #!/bin/sh
    prompt=$(cat)
    echo '{"type":"step","cost":0.01}'
    case $prompt in
      *fails*) echo 'it broke' >&2; exit 3 ;;
      *hangs*) while :; do sleep 1; done ;;
      *) printf 'one \033[2Jtwo\n--- three\n' > "$(printf 'hostile\033[31m').txt"
         printf '%s' "$prompt" > told.txt ;;
    esac
    """#

  /// - Parameter body: called once the server runs.
  static func with(_ body: (Desk) async throws -> Void) async throws {
    try await Installation.with(starts: false) { server in
      _ = try await server.createRepository()
      let agent = try server.script("agent", agent)
      let folder = "\(server.folder)/workflows"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      try """
      name: personal-delegate
      agent-preference: [desk]
      attempts: 2
      agents:
        desk:
          command: [\(agent)]
          prompt: standard-input
          usage:
            - stream: output
              json: {type: step}
              total: sum
              read: {cost: cost}
      templates:
        task-file: "{{objective}}"
        prompt: "{{objective}}"
        commit-message: "{{prTitle}}"
        pull-request-body: "{{objective}}"
      """.write(toFile: "\(folder)/desk.yaml", atomically: true, encoding: .utf8)
      try await server.start(["--workers", "1", "--workflows", folder, "--agent", "desk"])
      let choices = try await server.get("/api/choices").json
      let forge = try #require(choices["forge"].stringValue)
      let desk = Desk(server: server, forge: forge, clone: "\(server.folder)/clone")
      try await desk.git(["init", "-q", desk.clone])
      try await desk.git(["-C", desk.clone, "remote", "add", "origin", "\(forge)/acme/tools.git"])
      try await body(desk)
    }
  }

  func git(_ arguments: [String]) async throws {
    let result = try await Command("git", arguments, timeout: Installation.patience).run()
    #expect(result.succeeded, "\(result.errorText)")
  }

  /// Runs `aipm` in the clone.
  func aipm(
    _ arguments: [String], input: String = "", in folder: String? = nil,
    _ more: [String: String] = [:]
  ) async throws -> ProcessResult {
    try await Command(
      Program.aipm, arguments, environment: environment(more), workingDirectory: folder ?? clone,
      input: .bytes(Array(input.utf8)), timeout: Installation.patience
    ).run()
  }

  /// Runs a line of the shell on a terminal; `$AIPM` is the program.
  func onTerminal(_ line: String, _ more: [String: String] = [:]) async throws -> ProcessResult {
    try await Command(
      "script", ["-qec", line, "/dev/null"],
      environment: environment(more.merging(["TERM": "xterm"]) { first, _ in first }),
      workingDirectory: clone, timeout: Installation.patience
    ).run()
  }

  private func environment(_ more: [String: String]) -> [String: String] {
    // git reads the settings of the user, which must not matter here.
    let own = [
      "AIPM_SERVER": server.url, "AIPM": Program.aipm, "GIT_CONFIG_NOSYSTEM": "1",
      "AIPM_PAGER": "cat", "TMPDIR": server.folder,
    ]
    return Program.plainEnvironment.merging(own) { $1 }.merging(more) { $1 }
  }

  /// Submits and returns the delegation as the API has it.
  func submitted(_ arguments: [String], input: String = "") async throws -> JSONValue {
    let result = try await aipm(["submit", "--json"] + arguments, input: input)
    #expect(result.succeeded, "\(arguments): \(result.errorText)")
    let answer = try JSONValue(json: result.standardOutput)
    return try await server.delegation(answer["id"].stringValue ?? "")
  }

  func ended(_ text: String) async throws -> JSONValue {
    try await server.end(of: try await submitted([text])["id"].stringValue ?? "")
  }

  func count() async throws -> String { try await aipm(["list", "--count"]).outputText.trimmed }
}

extension EndToEndTests.EverydayTests {
  @Test("submit takes a text: its repository, title and branch follow, and options go before")
  func submit() async throws {
    try await Desk.with { desk in
      let text = "# Add an export button, isn't it?\n\nCSV, with *a header*.\n"
      let made = try await desk.submitted([text])
      #expect(made["repository"]["repo"].stringValue == "tools")
      #expect(made["taskTitle"].stringValue == "Add an export button, isn't it?")
      #expect(made["prTitle"] == made["taskTitle"])
      #expect(made["objective"].stringValue == text.trimmed)
      let branch = made["branchName"].stringValue ?? ""
      #expect(branch.hasPrefix("aipm/add-an-export-button-isnt-it-1"), "\(branch)")
      let file = "\(desk.server.folder)/task.md"
      try String(repeating: "Élan vital of ", count: 20).write(
        toFile: file, atomically: true, encoding: .utf8)
      let long = try await desk.submitted(["-F", file])
      #expect(long["taskTitle"].stringValue?.count ?? 0 < 80)
      #expect(long["taskTitle"].stringValue?.hasSuffix(" of…") ?? false, "\(long["taskTitle"])")
      let named = try await desk.submitted(
        ["-F", "-", "--title", "T", "--branch", "b/x", "--pr-title", "P", "--repo", "acme/tools"],
        input: "日本語だけ\n")
      #expect(named["taskTitle"].stringValue == "T" && named["prTitle"].stringValue == "P")
      #expect(named["branchName"].stringValue?.hasPrefix("b/x-") ?? false)
      #expect(named["objective"].stringValue == "日本語だけ")
      let told = try await desk.aipm(["submit", "日本語だけ"])
      #expect(told.errorText == "aipm: repository acme/tools, the origin of this clone\n")
      #expect(told.outputText.contains("aipm/task-"), "\(told.outputText)")

      let before = try await desk.count()
      for (arguments, input, words) in [
        ([], "", "say what is to be done"), (["-F", "-"], " \n", "the text is empty"),
        (["  "], "", "the text is empty"), (["x", "-F", file], "", "not both"),
        (["x", "--objective", "y"], "", "not both"),
        (["-F", "/nonexistent"], "", "does not exist"),
        (["x", "--titel", "y"], "", "Did you mean '--title'"),
      ] as [([String], String, String)] {
        let refused = try await desk.aipm(["submit"] + arguments, input: input)
        #expect(refused.exit == .exited(2), "\(arguments): \(refused.exit)")
        #expect(refused.errorText.contains(words), "\(arguments): \(refused.errorText)")
      }
      let elsewhere = try await desk.aipm(["submit", "x"], in: "/")
      #expect(elsewhere.exit == .exited(2) && elsewhere.errorText.contains("--repo is missing"))
      #expect(try await desk.count() == before)
    }
  }

  @Test("a clone gives the repository only if its origin is on the server's forge")
  func remotes() async throws {
    try await Desk.with { desk in
      let port = desk.forge.split(separator: ":").last ?? ""
      let host = "127.0.0.1"
      // A pull request that does not exist is not found, so the repository was known.
      let known: Int32 = 3
      let unknown: Int32 = 2
      for (remote, code) in [
        ("http://\(host):\(port)/acme/tools.git", known),
        ("http://user:hidden@\(host):\(port)/acme/tools/", known),
        ("ssh://git@\(host):22/acme/tools", known), ("git@\(host):acme/tools.git", known),
        ("HTTP://\(host):\(port)//acme/tools.git", known),
        ("https://example.com/acme/tools", unknown), ("git@example.com:acme/tools", unknown),
        ("http://user:hidden@\(host):1/acme/tools.git", unknown),
        ("http://\(host).example.com:\(port)/acme/tools", unknown),
        ("http://\(host):\(port)/acme", unknown),
        ("http://\(host):\(port)/acme/..", unknown),
        ("http://\(host):\(port)/acme/to%6Fls", unknown),
        ("http://\(host):x/acme/tools", unknown), ("/srv/acme/tools.git", unknown),
        ("file:///acme/tools.git", unknown), ("./x:acme/tools", unknown),
        ("http://example.com@\(host):\(port)/acme/tools", known),
        ("http://\(host):\(port)@example.com/acme/tools", unknown),
      ] {
        try await desk.git(["-C", desk.clone, "remote", "set-url", "origin", remote])
        let shown = try await desk.aipm(["show", "999"])
        #expect(shown.exit == .exited(code), "\(remote): \(shown.errorText)")
        #expect(!shown.errorText.contains("hidden"), "\(shown.errorText)")
      }
    }
  }

  @Test("an editor opens on a terminal; an empty text submits nothing, a refused one is kept")
  func editor() async throws {
    try await Desk.with { desk in
      let editor = try desk.server.script(
        "editor",
        #"""
        #!/bin/sh
        cp "$2" "$1/seen"
        case $TEXT in
          broken) exit 4 ;;
          *) { printf '%s\n' "$TEXT"; cat "$2"; } > "$2.new" && mv "$2.new" "$2" ;;
        esac
        """#)
      // The value of the variable has an argument, as editors often need one.
      func edit(_ text: String, _ command: String) async throws -> ProcessResult {
        try await desk.onTerminal(
          "\"$AIPM\" \(command)",
          ["TEXT": text, "AIPM_EDITOR": "'\(editor)' '\(desk.server.folder)'", "EDITOR": "false"])
      }
      let made = try await edit("# Written here\n\nBody", "submit")
      #expect(made.succeeded, "\(made.outputText)")
      let seen = try String(contentsOfFile: "\(desk.server.folder)/seen", encoding: .utf8)
      #expect(seen.contains("acme/tools"), "\(seen)")
      let newest = try await desk.aipm(
        ["list", "--json", "taskTitle,objective", "--jq", ".[0] | .taskTitle, .objective"])
      #expect(newest.outputText == "Written here\n# Written here\n\nBody\n")
      let before = try await desk.count()
      #expect(try await edit(" ", "submit").outputText.contains("nothing was submitted"))
      #expect(try await edit("broken", "submit").outputText.contains("ended with 4"))
      let refused = try await edit("Kept text", "submit --agent nobody")
      #expect(refused.exit == .exited(2) && refused.outputText.contains("agent"))
      let kept = refused.outputText.split(whereSeparator: \.isNewline).last { $0.contains("-F ") }
      let path = String(kept?.split(separator: " ").last ?? "")
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(text.hasPrefix("Kept text\n"), "\(refused.outputText)")
      #expect(try await desk.count() == before)
    }
  }

  @Test(
    "lists are narrowed, counted and cut to fields; what a query selects is cancelled or retried")
  func queries() async throws {
    try await Desk.with { desk in
      let ready = try await desk.ended("Ready one")
      let failed = try await desk.ended("It fails")
      let working = try await desk.submitted(["It hangs"])["id"].stringValue ?? ""
      _ = try await desk.server.event("delegation.generating", of: working)
      let waiting = try await desk.submitted(["Waits for its turn"])
      func list(_ arguments: [String]) async throws -> String {
        let result = try await desk.aipm(
          ["list", "--json", "taskTitle", "--jq", "map(.taskTitle) | join(\",\")"] + arguments)
        return result.succeeded ? result.outputText.trimmed : result.errorText
      }
      for (arguments, expected) in [
        (["--state", "ready"], "Ready one"), (["--state", "failed"], "It fails"),
        (["--state", "working"], "It hangs"), (["--state", "queued"], "Waits for its turn"),
        (["--query", "-state:ready -state:queued"], "It hangs,It fails"),
        (["--query", "failure:agent-failed since:1h"], "It fails"),
        (["--query", "repo:acme/tools \"ready one\""], "Ready one"),
        (["--query", "-repo:acme/tools"], ""), (["--since", "2999-01-01"], ""),
        (["--query", "agent:demo until:1h"], ""),
        (["--limit", "1", "--query", "-state:queued"], "It hangs"),
        (["--state", "merged,ready", "ready"], "Ready one"),
        (["--needs-you"], "It fails,Ready one"),
        (["--needs-you", "--state", "failed"], "It fails"),
        (["--needs-you", "--worker", "nobody"], ""), (["--needs-you", "ready"], "Ready one"),
        (["--query", "need:working,queued"], "Waits for its turn,It hangs"),
        (["--query", "-need:you", "--limit", "1"], "Waits for its turn"),
        (["--needs-you", "--query", "need:queued"], ""),
      ] {
        #expect(try await list(arguments) == expected, "\(arguments)")
      }
      #expect(try await desk.count() == "4")
      let grouped = try await desk.onTerminal("\"$AIPM\" list", ["NO_COLOR": "1"]).outputText
      let order = [
        "CODE", "Needs you  2", "It fails", "Ready one", "Working  1", "It hangs", "Queued  1",
        "Waits for its turn",
      ].map { grouped.firstRange(of: $0)?.lowerBound ?? grouped.endIndex }
      #expect(order == order.sorted() && !grouped.contains("Done"), "\(grouped)")
      let flat = try await desk.onTerminal("\"$AIPM\" list --flat").outputText
      #expect(!flat.contains("Needs you") && flat.contains("It hangs"), "\(flat)")
      #expect(try await desk.aipm(["list"]).outputText.hasPrefix("CODE"))
      #expect(try await list(["--query", "need:yuo"]).contains("did you mean \"you\"?"))
      #expect(try await list(["--query", "stat:failed"]).contains("did you mean \"state\"?"))
      #expect(try await list(["--state", "quued"]).contains("did you mean \"queued\"?"))
      let field = try await desk.aipm(["list", "--json=taskTitel"])
      #expect(field.exit == .exited(2) && field.errorText.contains("did you mean taskTitle?"))
      let typed = try await desk.aipm(["ls", "--json", "stat"])
      #expect(
        typed.exit == .exited(2) && typed.errorText.contains("did you mean state?"), "\(typed)")
      let one = try await desk.aipm(["show", ready["id"].stringValue ?? "", "--json", "state"])
      #expect(one.outputText == "{\"state\":\"Pushed\"}\n")
      let nested = try await desk.aipm(["list", "--fields", "pullRequest.number", "ready"])
      #expect(nested.outputText == "[{\"pullRequest.number\":1}]\n")
      let plain = try await desk.aipm(["list", "--json", "ready"])
      let items = try JSONValue(json: plain.standardOutput)["items"].arrayValue
      #expect(items?.count == 1 && items?.first?["id"] == ready["id"])
      let wrong = try await desk.aipm(["list", "--jq", "]"])
      #expect(wrong.exit == .exited(2), "\(wrong)")

      // Nothing is changed without a yes, beyond the bound, or by a query that selects all.
      for (arguments, code) in [
        (["--query", "state:failed"], 2), (["--query", " ", "--yes"], 2), ([], 2),
        (["x", "--query", "y"], 2), (["--query", "state:merged", "--yes"], 0),
      ] as [([String], Int32)] {
        #expect(try await desk.aipm(["retry"] + arguments).exit == .exited(code), "\(arguments)")
      }
      let bound = try await desk.aipm(
        ["cancel", "--query", "state:working,queued", "--limit", "1", "--yes"])
      #expect(bound.exit == .exited(2) && bound.errorText.contains("more than 1"))
      let preview = try await desk.aipm(["cancel", "--query", "repo:acme/tools", "--dry-run"])
      #expect(preview.outputText.contains("It hangs") && !preview.outputText.contains("It fails"))
      let no = try await desk.onTerminal("yes no | \"$AIPM\" cancel --query state:queued")
      #expect(no.outputText.contains("add --yes"), "\(no.outputText)")
      #expect(try await list(["--state", "queued,working"]) == "Waits for its turn,It hangs")
      let done = try await desk.aipm(["cancel", "--query", "repo:acme/tools", "--yes"])
      #expect(done.succeeded && done.outputText.contains("is being cancelled"), "\(done)")
      _ = try await desk.server.end(of: working)
      _ = try await desk.server.end(of: waiting["id"].stringValue ?? "")
      // A cancel is no failure; in the state of the log it is.
      #expect(try await list(["--state", "cancelled"]) == "Waits for its turn,It hangs")
      #expect(try await list(["--state", "failed"]) == "It fails")
      #expect(try await list(["--state", "Failed"]) == "Waits for its turn,It hangs,It fails")
      let cancelled = try await desk.onTerminal("\"$AIPM\" watch \(working)").outputText
      #expect(cancelled.contains("○ Attempt 1") && !cancelled.contains("✗"), "\(cancelled)")
      let possible = try await desk.aipm(["retry", "--query", "repo:acme/tools", "--dry-run"])
      #expect(possible.outputText.contains("It hangs") && possible.outputText.contains("It fails"))
      let retried = try await desk.aipm(
        ["retry", "--query", "failure:agent-failed", "--yes", "--json"])
      let answers = try JSONValue(json: retried.standardOutput)["items"].arrayValue ?? []
      #expect(answers.map { $0["id"] } == [failed["id"]])
      let several = try await desk.aipm(["cancel", ready["id"].stringValue ?? "", "PR1"])
      #expect(several.exit == .exited(1) && several.errorText.contains("2 of 2"))
    }
  }

  @Test("a change, a page and a picture are shown, and nothing in them controls the terminal")
  func shown() async throws {
    try await Desk.with { desk in
      let made = try await desk.ended("Hostile file")
      let id = made["id"].stringValue ?? ""
      let raw = try await desk.aipm(["diff", "1"]).standardOutput
      #expect(raw == Array(try await desk.server.get("/api/delegations/\(id)/diff").text.utf8))
      let coloured = try await desk.onTerminal("\"$AIPM\" diff 1").outputText
      #expect(coloured.contains("\u{1b}[32m+one \u{fffd}[2Jtwo\u{1b}[0m"), "\(coloured)")
      // A line that looks like a header is one of the file.
      #expect(coloured.contains("\u{1b}[32m+--- three\u{1b}[0m"))
      #expect(!coloured.contains("\u{1b}[2J"))
      let names = try await desk.aipm(["diff", "1", "--name-only"]).outputText
      #expect(names.contains("told.txt\n") && !names.contains("\u{1b}"), "\(names)")
      let trace = try await desk.aipm(["export", "--trace", "1"])
      #expect(trace.succeeded && trace.outputText.contains("resourceSpans"), "\(trace.errorText)")
      let page = "\(desk.server.url)/#/delegations/\(id)"
      #expect(try await desk.aipm(["open", "#1"]).outputText == page + "\n")
      let opened = try await desk.onTerminal(
        "\"$AIPM\" open 1 --pr", ["AIPM_BROWSER": "printf 'opened <%s>'"])
      #expect(opened.outputText.contains("opened <\(desk.forge)/acme/tools/pull/1>"))
      let shown = try await desk.aipm(["show", id], ["TZ": "Etc/GMT-14"]).outputText
      #expect(shown.contains("page          \(page)\n"))
      #expect(shown.contains("state         Ready for review  (Pushed)\n"), "\(shown)")
      let other = try await desk.aipm(["show", id], ["TZ": "Etc/GMT+12"]).outputText
      #expect(shown != other && !shown.contains("Z\n"))

      let picture = try await desk.onTerminal("\"$AIPM\" submit 'It fails' --follow").outputText
      let last = picture.components(separatedBy: "\u{1b}[J").last ?? ""
      #expect(last.contains("✗ Attempt 1") && last.contains("✗ Attempt 2"), "\(picture)")
      #expect(last.contains("$0.0100") && last.contains("✗ Failed"))
      // What a person can read, not the line of JSON.
      #expect(last.contains("agent-failed: it broke"), "\(last)")
      let good = try await desk.onTerminal("\"$AIPM\" watch 1").outputText
      #expect(good.contains("✓ Attempt 1") && !good.contains("Failed"), "\(good)")

      let asked = try await desk.aipm(["ask", "1", "Use a table", "--follow"])
      #expect(asked.succeeded, "\(asked.errorText)")
      let list = try await desk.aipm(["list"]).outputText
      #expect(list.components(separatedBy: "acme/tools#1").count == 2, "one row: \(list)")
      #expect(list.contains("local: Hostile file") && list.contains("local: \"Use a table\""))
      #expect(list.contains("so far: $0.0200"), "\(list)")
      // A pull request counts once, by its newest round.
      let needed = try await desk.aipm(["list", "--needs-you", "--json", "kind,taskTitle"])
      let kinds = try JSONValue(json: needed.standardOutput).arrayValue?.map { $0["kind"] }
      #expect(kinds == ["follow-up", "delegate"], "\(needed.outputText)")
      let flat = try await desk.aipm(["list", "--json", "kind", "--jq", "map(.kind) | join(\" \")"])
      #expect(flat.outputText == "follow-up delegate delegate\n")
      for (command, words) in [
        (["prs"], "Ready for review"), (["pull-requests", "--json=number"], "{\"number\":1}"),
        (["forge", "create", "acme/new", "--root", "\(desk.server.data)/forge"], "acme/new"),
        (["repos"], "acme/tools\nacme/new\n"),
        (["repos", "--json", "recent"], "[{\"recent\":true}"),
        (["agents"], "desk"), (["workers"], "worker-1"),
        (["forge", "list", "--root", "\(desk.server.data)/forge"], "acme/tools\n"),
      ] {
        let result = try await desk.aipm(command)
        #expect(result.succeeded && result.outputText.contains(words), "\(command): \(result)")
      }
    }
  }
}
