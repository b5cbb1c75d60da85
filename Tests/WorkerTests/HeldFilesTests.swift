import Glibc
import SystemCalls
import Testing
import WorkerProtocol

@testable import Worker

/// Real agents in the real sandbox that keep memory and disk where no look at a tree, and no count
/// of a process, shows it.
@Suite(
  "Held files",
  .enabled("bubblewrap works here") { await Sandbox.examine(program: builtProgram).fault == nil })
struct HeldFilesTests {
  /// How an agent ends that is a Python script.
  private func run(
    _ script: String, memoryMiB: Int = 200, diskMiB: Int = 200, isSandboxed: Bool = true
  ) async throws -> (end: AgentEnd, text: String) {
    let folder = try TemporaryFolder()
    let files = AttemptFiles(folder: "\(folder.path)/attempts/d-1")
    for path in [files.tree, files.temporary, files.home] { try DurableFile.makeFolder(path) }
    var call = AgentCall.shell(
      "exec 2>&1; cat > $TMPDIR/s.py <<'END'\n\(Self.prelude)\(script)\nEND\npython3 $TMPDIR/s.py")
    call.memoryBytesMax = memoryMiB << 20
    call.diskBytesMax = diskMiB << 20
    let agent = AgentProcess(
      call: call, prompt: "x", files: files, home: files.home, demoProgram: "/bin/echo",
      timeout: .seconds(60), sandbox: isSandboxed ? .tested : nil, network: .sample(call))
    let log = try OutputLog(path: files.output, bytesMax: 1 << 20, secrets: [])
    let end = await agent.run(onStart: { _ in }, onOutput: { _ = log.append($0) }).end
    _ = log.finish()
    let bytes = try DurableFile.read(files.output, atMost: 1 << 20)
    return (end, String(decoding: bytes, as: UTF8.self))
  }

  private static let prelude = """
    import os, sys, time, mmap, threading, ctypes
    MiB = 1 << 20
    libc = ctypes.CDLL(None, use_errno=True)
    def fill(fd, n):
        for i in range(n): os.write(fd, b"x" * MiB)

    """

  @Test(
    "memory that is shared, or held as a file, is the agent's",
    arguments: [
      // Files in memory, open and not mapped.
      "fds = [os.memfd_create('x') for i in range(3)]\nfor fd in fds: fill(fd, 100)",
      // Named and unlinked files of the sandbox's own /dev/shm.
      "fill(os.open('/dev/shm/x', os.O_CREAT | os.O_RDWR), 240)",
      "fd = os.open('/dev/shm/x', os.O_CREAT | os.O_RDWR)\nos.unlink('/dev/shm/x')\nfill(fd, 240)",
      // Mapped, with no descriptor.
      "m = mmap.mmap(-1, 300 * MiB)\nfor i in range(300): m[i * MiB:(i + 1) * MiB] = b'x' * MiB",
      """
      fd = os.memfd_create('x'); fill(fd, 300); m = mmap.mmap(fd, 300 * MiB); os.close(fd)
      for i in range(0, 300 * MiB, 4096): m[i]
      """,
      // Of a process whose first thread has ended: that one's own count is zero.
      """
      def work():
          a = [bytearray(b"x" * MiB) for i in range(120)]
          time.sleep(600)
      os.fork(); threading.Thread(target=work).start()
      libc.syscall(60 if os.uname().machine == "x86_64" else 93, 0)
      """,
    ])
  func memory(script: String) async throws {
    let (end, text) = try await run(script + "\ntime.sleep(600)", diskMiB: 1000)
    guard case .exceeded(let message) = end else { throw TestFault("\(script): \(end) \(text)") }
    #expect(message.contains("MiB of memory"), "\(message)")
  }

  @Test("memory that several have, open and mapped, is counted once")
  func sharedMemory() async throws {
    let (end, text) = try await run(
      """
      fd = os.memfd_create('x'); fill(fd, 130); m = mmap.mmap(fd, 130 * MiB)
      for i in range(2): os.fork()
      for i in range(0, 130 * MiB, 4096): m[i]
      time.sleep(3)
      """)
    #expect(end == .finished, "\(text)")
  }

  @Test(
    "files that have no name any more take the disk all the same", arguments: [true, false])
  func unlinkedFiles(isSandboxed: Bool) async throws {
    let (end, text) = try await run(
      """
      for i in range(3):
          fd = os.open('u', os.O_CREAT | os.O_RDWR); os.unlink('u'); fill(fd, 100)
      time.sleep(600)
      """, isSandboxed: isSandboxed)
    guard case .exceeded(let message) = end else { throw TestFault("\(end) \(text)") }
    #expect(message.contains("MiB of disk"), "\(message)")
  }

  @Test("a file that loses its name while it is open is not counted twice")
  func unlinkedLater() async throws {
    let (end, text) = try await run(
      """
      fd = os.open('u', os.O_CREAT | os.O_RDWR); fill(fd, 120); time.sleep(2)
      os.unlink('u'); time.sleep(3)
      """)
    #expect(end == .finished, "\(text)")
  }

  @Test("what an agent makes in its last moment is its own")
  func lastMoment() async throws {
    let (end, text) = try await run(
      """
      for i in range(3):
          fd = os.open(f'f{i}', os.O_CREAT | os.O_RDWR); os.posix_fallocate(fd, 0, 100 * MiB)
      """)
    guard case .exceeded(let message) = end else { throw TestFault("\(end) \(text)") }
    #expect(message.contains("MiB of disk"), "\(message)")
  }

  @Test("more open files than can be looked at are too many")
  func descriptors() async throws {
    var members: [ProcessTable.Member] = []
    for _ in 0...HeldFiles.descriptorsMax {
      members.append(.init(path: "/proc/self", isSandbox: false))
    }
    let held = HeldFiles.look(
      at: members, folder: "/tmp", privateBytes: 0, memoryBytesMax: nil)
    #expect(held.isTooMany && !held.isHidden)
  }

  @Test("files and folders are counted, however small they are")
  func entries() async throws {
    let folder = try TemporaryFolder()
    var watch = ResourceWatch(folder: folder.path, diskBytesMax: 1 << 30, processesMax: nil)
    watch.entriesMax = 1000
    let running = Task { [watch] in await watch.run { nil } }
    for number in 0..<3000 { try DurableFile.makeFolder("\(folder.path)/\(number)") }
    let excess = try #require(await running.value)
    #expect(excess.contains("files and folders, more than 1000"), "\(excess)")
  }

  @Test("memory that would outlive its processes is not given, and open files are not hidden")
  func filter() async throws {
    let (end, text) = try await run(
      """
      def call(f, *a):
          r = f(*a); return 'ok' if r >= 0 else ctypes.get_errno()
      print(call(libc.shmget, 0, ctypes.c_size_t(65537), 0o1600))
      print(call(libc.shmget, 0, ctypes.c_size_t(1 << 32), 0o1600))
      print(call(libc.shmget, 0, ctypes.c_size_t(65536), 0o1600))
      print(call(libc.semget, 0, 65, 0o1600), call(libc.semget, 0, 64, 0o1600))
      print(call(libc.msgget, 0, 0o1600))
      print(libc.prctl(4, 0, 0, 0, 0), libc.prctl(3, 0, 0, 0, 0))
      VM, SIGHAND, THREAD = 0x100, 0x800, 0x10000
      clone = 56 if os.uname().machine == "x86_64" else 220
      print(call(libc.syscall, clone, VM | SIGHAND | THREAD, 0, 0, 0, 0))
      t = threading.Thread(target=lambda: print('thread')); t.start(); t.join()
      """)
    #expect(end == .finished)
    #expect(text == "12\n12\nok\n22 ok\n38\n0 1\n1\nthread\n", "\(text)")
  }
}
