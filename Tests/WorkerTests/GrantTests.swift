import Glibc
import NetworkRules
import Processes
import SystemCalls
import Testing
import WorkerProtocol
import Workflows

@testable import Worker

/// What a worker grants of what a server names, beside an order's own variables and paths, which
/// `LinkTests` has.
@Suite("What a worker grants") struct GrantTests {
  private func granted(
    _ rules: SandboxGrants, environment: [String] = [], by grants: OperatorGrants
  ) throws -> AgentInquiry {
    let inquiry = AgentInquiry(
      name: "x", program: nil, preflight: nil, environment: environment, sandbox: rules)
    guard case .agents(let inquiries) = grants.granted(.agents([inquiry])) else {
      throw TestFault("no inquiry")
    }
    return try #require(inquiries.first)
  }

  @Test("a check of an agent gets what an order would get")
  func inquiries() throws {
    let folder = try TemporaryFolder()
    let mine = "\(folder.path)/mine"
    try DurableFile.makeFolder(mine)
    let rules = SandboxGrants(
      network: NetworkPolicy(.host), readable: [mine, "/etc"], writable: ["~/.ssh", mine])
    let none = try granted(rules, environment: ["A", "B"], by: OperatorGrants())
    #expect(none.environment.isEmpty && none.sandbox == SandboxGrants())
    let some = try granted(
      rules, environment: ["A", "B"],
      by: OperatorGrants(variables: ["B"], paths: [mine], network: .machine))
    #expect(some.environment == ["B"])
    #expect(
      some.sandbox
        == SandboxGrants(network: NetworkPolicy(.host), readable: [mine], writable: [mine]))
    let all = try granted(rules, environment: ["A", "B"], by: .everything)
    #expect(all.environment == ["A", "B"] && all.sandbox == rules)
  }

  @Test("a toolchain is granted with its folders, all that are there")
  func toolchains() throws {
    // Of those that this machine has; of the others there is nothing to show.
    let there = Toolchain.allCases.filter { $0.folders.contains(where: DurableFile.exists) }
    let rules = SandboxGrants(toolchains: Toolchain.allCases)
    let none = try granted(rules, by: OperatorGrants())
    #expect(Set(none.sandbox?.toolchains ?? []) == Set(Toolchain.allCases).subtracting(there))
    let all = OperatorGrants(paths: [UnprivilegedUser.startersHome])
    #expect(try granted(rules, by: all).sandbox?.toolchains == Toolchain.allCases)
    for toolchain in there {
      let folders = toolchain.folders.filter(DurableFile.exists)
      let whole = OperatorGrants(paths: folders)
      #expect(
        try granted(SandboxGrants(toolchains: [toolchain]), by: whole).sandbox?.toolchains
          == [toolchain])
      let less = OperatorGrants(paths: Array(folders.dropLast()))
      #expect(
        try granted(SandboxGrants(toolchains: [toolchain]), by: less).sandbox?.toolchains == [])
    }
  }

  @Test("a path that is not whole is granted to nobody, wherever the worker stands")
  func relativePaths() throws {
    let here = try #require(
      getcwd(nil, 0).map { pointer in
        defer { free(pointer) }
        return String(cString: pointer)
      })
    let name = try #require(try DirectoryListing.names(here).first)
    let grants = OperatorGrants(paths: [here])
    #expect(grants.allows(path: "\(here)/\(name)"))
    for path in [name, "./\(name)", ".", "", "~", "~root/x"] {
      #expect(!grants.allows(path: path), "\(path)")
    }
    // Unknown flags grant nothing either.
    #expect(!OperatorGrants(paths: [name, ".", ""]).allows(path: "\(here)/\(name)"))
  }

  @Test("a repository's own file narrows the network of an order, and never widens it")
  func narrowing() throws {
    func narrowed(_ policy: NetworkPolicy, _ file: String) throws -> NetworkPolicy? {
      var assignment = Assignment.sample(head: "h")
      assignment.agent.sandbox = SandboxGrants(network: policy)
      assignment.commands = CommandPlan(
        setup: [["true"]], verify: [], rounds: 0, environment: [], repositoryMaySet: [],
        base: nil)
      let made = try GenerationRun.narrowed(assignment, by: Array(file.utf8))
      #expect(made.commands?.setup == [["true"]])
      return made.agent.sandbox?.network
    }
    func hosts(_ names: String...) throws -> NetworkPolicy {
      NetworkPolicy(.hosts(try HostSet.rules(of: names)))
    }
    let workflow = try hosts("a.org", "b.org")
    let file = "network: {allow: [b.org, evil.org]}\n"
    #expect(try narrowed(workflow, file) == hosts("b.org"))
    #expect(try narrowed(NetworkPolicy(), file) == NetworkPolicy())
    #expect(try narrowed(workflow, "network: none\n") == NetworkPolicy())
    #expect(try narrowed(NetworkPolicy(.host), file) == hosts("b.org", "evil.org"))
  }

  @Test("only a plain file is read of a tree")
  func plainFiles() throws {
    let folder = try TemporaryFolder()
    let root = TreeRoot(path: folder.path)
    try DurableFile.replace("\(folder.path)/file", with: Array("text".utf8))
    try DurableFile.makeFolder("\(folder.path)/folder")
    #expect(mkfifo("\(folder.path)/pipe", 0o600) == 0)
    #expect(symlink("file", "\(folder.path)/link") == 0)
    func read(_ name: String, _ root: TreeRoot, atMost limit: Int = 4) throws -> [UInt8]? {
      try root.read(Array(name.utf8), atMost: limit)
    }
    #expect(try read("file", root) == Array("text".utf8))
    #expect(try read("file", root, atMost: 3) == nil)
    for name in ["folder", "pipe", "link", "folder/none", "none"] {
      #expect(try read(name, root) == nil, "\(name)")
    }
    // A device says that it holds nothing, and gives what it likes.
    #expect(try read("null", TreeRoot(path: "/dev")) == nil)
  }
}
