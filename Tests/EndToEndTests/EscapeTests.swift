import EventLog
import FoundationEssentials
import Glibc
import Processes
import RawSockets
import TestKit
import Testing
import Text

extension EndToEndTests {
  @Suite("Agents that want out") struct EscapeTests {}
}

extension EndToEndTests.EscapeTests {
  /// What an agent tries; it prints a line for each thing that worked. `$1` is the server's port,
  /// `$2` the installation's folder.
  private static let attempts = #"""
    import ctypes, glob, os, socket, sys

    port, folder = int(sys.argv[1]), sys.argv[2]
    def attempt(name, body):
      try:
        if body(): print("ESCAPED", name)
      except Exception as fault:
        print("held", name, type(fault).__name__)

    def connect(host, port): return lambda: socket.create_connection((host, port), 3)
    for host in ["127.0.0.1", "::1", "localhost", "10.0.0.1", "169.254.169.254", "8.8.8.8"]:
      attempt("connect " + host, connect(host, port))

    def proxied(line):
      def body():
        proxy = socket.create_connection(("127.0.0.1", 3128), 3)
        proxy.settimeout(5)
        proxy.sendall(line.encode() + b"\r\n\r\n")
        return b" 200 " in proxy.recv(100).split(b"\r\n")[0]
      return body
    for host in ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001",
                 "example.org", "127.0.0.1.nip.io", "api.example.org",
                 "localhost\0.api.example.com"]:
      attempt("CONNECT " + host, proxied(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}"))
      attempt("GET " + host, proxied(f"GET http://{host}:{port}/healthz HTTP/1.1\r\nHost: {host}"))

    def names():
      lines = open("/proc/net/unix").read().split("\n")
      return [line for line in lines if "@" in line]
    attempt("abstract sockets", names)
    def read(pattern):
      def body():
        for path in glob.glob(pattern, recursive=True):
          if os.path.isfile(path) and open(path, "rb").read(1) is not None: return True
      return body
    for pattern in [folder + "/data/secrets/*", folder + "/data/*.db", folder + "/data/workers/*/*",
                    folder + "/data/**/*.sock", "/etc/shadow", "/etc/ssh/*", "/root/.*",
                    "/home/*/.*", "/opt/*/*", "/var/*/*", "/run/*/*/*"]:
      attempt("read " + pattern, read(pattern))
    def write(path):
      def body():
        with open(path, "w") as file: file.write("x")
        return True
      return body
    for path in ["/proc/sys/kernel/core_pattern", "/proc/sys/vm/stat_interval", "/usr/x", "/etc/x",
                 "/x", "/run/aipm/x", "/proc/sysrq-trigger"]:
      attempt("write " + path, write(path))
    libc = ctypes.CDLL(None, use_errno=True)
    for name, number in [("keyctl", 250), ("io_uring_setup", 425), ("bpf", 321), ("mount", 165),
                         ("perf_event_open", 298), ("userfaultfd", 323)]:
      attempt(name, lambda: libc.syscall(number, 0, 0, 0, 0, 0) >= 0)
    attempt("user namespace", lambda: libc.unshare(0x10000000) == 0)
    attempt("the socket", lambda: socket.socket(socket.AF_UNIX).connect("/run/aipm/launch") is None)
    try: open(folder + "/x", "w").write("x")
    except OSError: pass
    open("a", "a").write("a\n")
    print("TRIED ALL")
    """#

  private static func workflow(_ name: String, _ more: String) -> String {
    """
    name: \(name)
    agent-preference: [demo]
    attempts: 1
    time-limits: {agent: 1m}
    \(more)
    templates:
      task-file: "{{objective}}"
      prompt: "{{objective}}"
      commit-message: "{{prTitle}}"
      pull-request-body: "{{objective}}"

    """
  }

  /// An installation whose agent is a script, with workflows of these names.
  private func with(
    agent: String, workflows: [String: String], allow: [String] = [],
    environment: [String: String] = [:],
    _ body: (Installation, BareRepository) async throws -> Void
  ) async throws {
    let environment = environment.merging(["AIPM_SANDBOX": "on"]) { $1 }
    try await Installation.with(environment: environment, starts: false) { server in
      let repository = try await server.createRepository()
      let program = try server.script("agent", agent)
      let folder = "\(server.folder)/workflows"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      for (name, text) in workflows {
        try Self.workflow(name, text).replacing("FOLDER", with: server.folder).write(
          toFile: "\(folder)/\(name).yaml", atomically: true, encoding: .utf8)
      }
      // The address that an agent is to attack is known once the server listens.
      try await server.start(["--workers", "0"])
      _ = try await server.stop()
      let port = server.url.split(separator: ":").last.map { String($0) } ?? ""
      try await server.start(
        [
          "--workers", "1", "--agent", "command", "--workflows", folder, "--agent-command",
          "\(program) \(port) \(server.folder)",
        ] + (allow.isEmpty ? [] : ["--agent-allow"] + allow))
      try await body(server, repository)
    }
  }

  private func output(
    _ server: Installation, _ workflow: String
  ) async throws -> (ended: JSONValue, text: String) {
    let id = try await server.submit(
      Installation.request(
        "acme/tools", branch: "feature/\(workflow)",
        [
          "objective": .string(workflow), "constraints": .string(""),
          "acceptanceCriteria": .array([]), "workflow": .string(workflow),
        ]))
    let ended = try await server.end(of: id)
    return (ended, try await server.get("/api/delegations/\(id)/output").text)
  }

  private func network(_ server: Installation, _ ended: JSONValue) async throws -> JSONValue {
    let id = ended["id"].stringValue ?? ""
    let items = try await server.get("/api/delegations/\(id)/records").json["items"].arrayValue
    return (items ?? []).compactMap { $0.objectValue?["network"] }.last ?? .null
  }

  @Test("reach nothing but their tree, and what they tried to reach is written down")
  func everything() async throws {
    let agent =
      "#!/bin/sh\ncat > /dev/null\nexec python3 - \"$1\" \"$2\" <<'END'\n"
      + Self.attempts + "\nEND\n"
    // The same by the commands around the agent.
    let commands = "commands: {setup: [[FOLDER/agent, \"9\", FOLDER]], rounds: 0}"
    try await with(
      agent: agent, workflows: ["plain": "description: x", "setup": commands],
      allow: ["api.example.com"]
    ) { server, repository in
      for workflow in ["plain", "setup"] {
        let (ended, text) = try await output(server, workflow)
        #expect(ended["state"].stringValue == "Pushed", "\(ended["failure"].canonicalText) \(text)")
        let escaped = text.split(separator: "\n").filter { $0.hasPrefix("ESCAPED") }
        #expect(escaped.isEmpty, "\(workflow): \(escaped)")
        let isWhole = text.split(separator: "TRIED ALL", omittingEmptySubsequences: false)
        #expect(isWhole.count == (workflow == "setup" ? 3 : 2), "\(text)")
        let hosts = try await network(server, ended)["hosts"].arrayValue ?? []
        #expect(hosts.allSatisfy { $0["refusal"].stringValue != nil }, "\(hosts)")
        #expect(hosts.contains { $0["host"].stringValue == "example.org" }, "\(hosts)")
      }
      // Inside, this is a part of the agent's own /tmp.
      #expect(access("\(server.folder)/x", F_OK) != 0)
      let next = try await output(server, "plain").ended
      try await Outcome(server: server, repository: repository, delegation: next).check(
        verifies: false)
    }
  }

  @Test("a workflow that says network: host has the machine's, and a repository can only take away")
  func policies() async throws {
    let agent = """
      #!/bin/sh
      cat > /dev/null; echo a >> a
      curl -s -m 5 --noproxy '*' http://127.0.0.1:$1/healthz && echo REACHED
      curl -s -m 5 -o /dev/null -w '%{http_code}\\n' http://example.invalid/
      exit 0
      """
    try await with(
      agent: agent,
      workflows: [
        "open": "network: host", "public": "network: public", "closed": "network: none",
        "typed": "network: {allow: [example.org, npm], upload: 1MiB}",
      ]
    ) { server, repository in
      let open = try await output(server, "open")
      #expect(open.text.contains("REACHED"), "\(open.text)")
      for (name, refusal) in [
        ("public", "host-special"), ("closed", "network-off"), ("typed", "host-unlisted"),
      ] {
        let (ended, text) = try await output(server, name)
        #expect(ended["state"].stringValue == "Pushed" && !text.contains("REACHED"), "\(text)")
        let hosts = try await network(server, ended)["hosts"].arrayValue ?? []
        #expect(hosts.first?["refusal"].stringValue == refusal, "\(name): \(hosts)")
      }
      let file = "network: {allow: [example.com]}\n"
      let stream = """
        commit refs/heads/main
        committer a <a@b> 1700000000 +0000
        data 1
        x
        from refs/heads/main^0
        M 100644 inline .aipm.yaml
        data \(file.utf8.count)
        \(file)

        """
      let imported = try await Command(
        "git", ["--git-dir", repository.path, "fast-import", "--quiet"],
        input: .bytes(Array(stream.utf8)), timeout: .seconds(30)
      ).run()
      #expect(imported.succeeded, "\(imported.errorText)")
      for name in ["public", "open"] {
        let (ended, text) = try await output(server, name)
        #expect(ended["state"].stringValue == "Pushed" && !text.contains("REACHED"), "\(text)")
        let hosts = try await network(server, ended)["hosts"].arrayValue ?? []
        #expect(hosts.first?["refusal"].stringValue == "host-unlisted", "\(name): \(hosts)")
      }
    }
  }

  /// A model's server that answers with what it was sent, and prints its port.
  private static let model = #"""
    import http.server
    class Model(http.server.BaseHTTPRequestHandler):
      def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print("REQUEST", self.path, self.headers["x-model-key"], body.decode(), flush=True)
        answer = b"model says " + body + b" " + self.headers["x-model-key"].encode()
        self.send_response(200); self.send_header("Content-Length", str(len(answer)))
        self.end_headers(); self.wfile.write(answer)
      def log_message(self, *_): pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
    print("PORT", server.server_port, flush=True)
    server.serve_forever()
    """#

  @Test("a model's key is added outside: the agent works with it and never has it")
  func keys() async throws {
    let key = "planted-\(UInt64.random(in: 0...(.max)))"
    let model = try await Program.start(
      "/usr/bin/python3", ["-c", Self.model], environment: Program.plainEnvironment,
      workingDirectory: "/")
    let port = try await model.line { $0.hasPrefix("PORT ") }.dropFirst("PORT ".count)
    let agent = """
      #!/bin/sh
      cat > /dev/null; env
      curl -s --noproxy '*' -d ping -H 'x-model-key: mine' "$MODEL_URL/v1/ask" > answer
      cat answer; curl -s -m 5 --noproxy '*' http://127.0.0.1:\(port)/ || echo unreachable
      """
    let workflow = """
      agents:
        keyed:
          command: [FOLDER/agent, "{{prompt}}"]
          prompt: argument
          environment: [MODEL_KEY, MODEL_URL]
          model-keys: [{variable: MODEL_KEY, header: x-model-key, base-url-variable: MODEL_URL}]
      """
    try await with(
      agent: agent, workflows: ["keyed": workflow],
      environment: ["MODEL_KEY": key, "MODEL_URL": "http://127.0.0.1:\(port)/base"]
    ) { server, _ in
      let id = try await server.submit(
        Installation.request(
          "acme/tools", branch: "feature/k",
          ["agent": .string("keyed"), "workflow": .string("keyed")]))
      let ended = try await server.end(of: id)
      let text = try await server.get("/api/delegations/\(id)/output").text
      #expect(ended["state"].stringValue == "Pushed", "\(ended["failure"].canonicalText) \(text)")
      let asked = try await model.line { $0.hasPrefix("REQUEST") }
      #expect(asked == "REQUEST /base/v1/ask \(key) ping")
      #expect(text.contains("model says ping") && text.contains("unreachable"), "\(text)")
      #expect(!text.contains(key) && text.contains("MODEL_KEY=aipm-adds"), "\(text)")
      let workers = try await server.get("/api/workers").text
      #expect(workers.contains("keys outside of the sandbox: MODEL_KEY"), "\(workers)")
    }
    await model.end(SIGKILL)
  }

  @Test("AIPM's own port is no address of a model, also where the operator says so")
  func ownPort() async throws {
    let port = try ClosedPort().number
    let workflow = """
      agents:
        keyed:
          command: [FOLDER/agent, "{{prompt}}"]
          prompt: argument
          environment: [MODEL_URL]
          model-keys: [{base-url-variable: MODEL_URL}]
      """
    let environment = [
      "AIPM_SANDBOX": "on", "MODEL_URL": "http://127.0.0.1:\(port)",
    ]
    try await Installation.with(environment: environment, starts: false) { server in
      _ = try await server.createRepository()
      _ = try server.script(
        "agent", "#!/bin/sh\ncurl -s -w ' %{http_code}' --noproxy '*' $MODEL_URL/api/health\n")
      let folder = "\(server.folder)/workflows"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      try Self.workflow("keyed", workflow).replacing("FOLDER", with: server.folder).write(
        toFile: "\(folder)/keyed.yaml", atomically: true, encoding: .utf8)
      try await server.start(["--port", "\(port)", "--workflows", folder])
      let id = try await server.submit(
        Installation.request(
          "acme/tools", branch: "feature/k",
          ["agent": .string("keyed"), "workflow": .string("keyed")]))
      let ended = try await server.end(of: id)
      #expect(ended["failure"]["code"].stringValue == "no-changes", "\(ended["failure"])")
      let text = try await server.get("/api/delegations/\(id)/output").text
      #expect(text.contains("it is AIPM itself") && text.contains("403"), "\(text)")
      #expect(!text.contains("writable"), "\(text)")
    }
  }
}
