import Glibc
import Processes
import Testing

@testable import Worker

#if arch(x86_64)
private let isX86 = true
#else
private let isX86 = false
#endif

/// The filter of system calls alone, without a sandbox around it: within one, the kernel refuses
/// much of this to a process without capabilities anyway, and nobody would see a call that is
/// missing from the filter. As root every line tells; as another user most of them do.
///
/// Each call has arguments that do nothing where it is let through, and give another error.
@Suite("System calls", .enabled(if: isX86)) struct SystemCallTests {
  /// By syscalls(2) of x86-64.
  static let refused: KeyValuePairs = [
    "keyctl": "250, 9999", "add_key": "248, 1, 1, 1, 1, 0", "request_key": "249, 1, 1, 1, 0",
    "bpf": "321, 9999, 0, 0", "perf_event_open": "298, 1, 0, 0, -1, 0",
    "userfaultfd": "323, 0x7fffffff", "mount": "165, 1, 1, 1, 0, 0",
    "umount2": "166, 1, 0x7fffffff", "pivot_root": "155, 1, 1", "chroot": "161, 1",
    "setns": "308, -1, 0", "unshare": "272, 0x10000001", "open_tree": "428, -1, 1, 0x7fffffff",
    "move_mount": "429, -1, 1, -1, 1, 0x7fffffff", "fsopen": "430, 1, 0x7fffffff",
    "fsconfig": "431, -1, 99, 0, 0, 0", "fsmount": "432, -1, 0x7fffffff, 0",
    "fspick": "433, -1, 1, 0x7fffffff", "mount_setattr": "442, -1, 1, 0x7fffffff, 1, 99",
    "open_by_handle_at": "304, -1, 1, 0", "name_to_handle_at": "303, -1, 1, 1, 1, 0x7fffffff",
    "kexec_load": "246, 0, 0, 0, 0x7fff", "kexec_file_load": "320, -1, -1, 0, 0, 0x7fff",
    "init_module": "175, 0, 0, 0", "finit_module": "313, -1, 0, 0x7fff",
    "delete_module": "176, 1, 0", "reboot": "169, 0, 0, 0, 0", "swapon": "167, 1, 0x7fffffff",
    "swapoff": "168, 1", "acct": "163, 1", "quotactl": "179, -1, 1, 0, 0",
    "syslog": "103, -1, 0, 0",
    "settimeofday": "164, 1, 1", "clock_settime": "227, 99, 0", "adjtimex": "159, 1",
    "clock_adjtime": "305, 99, 0", "sethostname": "170, 1, -1", "setdomainname": "171, 1, -1",
    "fanotify_init": "300, 0x7fffffff, 0", "iopl": "172, 9", "ioperm": "173, 70000, 1, 1",
    "clone into a user namespace": "56, 0x10000011", "clone into a network": "56, 0x40000011",
    "ioctl TIOCSTI": "16, 0, 0x5412, 1",
  ]
  /// What programs have another way for.
  static let unknown: KeyValuePairs = [
    "io_uring_setup": "425, 1, 0", "io_uring_enter": "426, -1, 0, 0, 0, 0",
    "io_uring_register": "427, -1, 0, 0, 0", "clone3": "435, 0, 0",
  ]

  /// What a script says that runs with the filter and nothing else of a sandbox.
  private func run(_ script: String) async throws -> String {
    let folder = try TemporaryFolder()
    let socket = try LaunchSocket(in: folder.path)
    let python = try Command("python3", timeout: .zero).resolved()
    let command = Command(
      builtProgram, ["confine", "--launch-socket", socket.path, "--", python, "-c", script],
      timeout: .seconds(30))
    let (result, start) = try await socket.attended {
      () async throws(ProcessFault) in
      try await command.run()
    } serve: {
      $0.isEmpty
    }
    #expect(start == .started)
    return result.outputText + result.errorText
  }

  @Test("every call of the list is refused, each by itself")
  func calls() async throws {
    let lines = (Array(Self.refused) + Array(Self.unknown)).map {
      "call('\($0.key)', \($0.value))"
    }
    let said = try await run(
      """
      import ctypes, os
      libc = ctypes.CDLL(None, use_errno=True)
      libc.syscall.restype = ctypes.c_long
      def call(name, number, *arguments):
        ctypes.set_errno(0)
        result = libc.syscall(number, *[ctypes.c_long(one) for one in arguments])
        if result == 0 and name.startswith("clone"): os._exit(0)
        print(name, result, ctypes.get_errno(), flush=True)
      \(lines.joined(separator: "\n"))
      """)
    let expected =
      Self.refused.map { "\($0.key) -1 \(EPERM)" } + Self.unknown.map { "\($0.key) -1 \(ENOSYS)" }
    let heard = said.split(separator: "\n").map(String.init)
    #expect(heard == expected, "\(zip(heard, expected).filter { $0 != $1 })")
  }

  @Test("the calls of 32-bit programs are another list, and none of it is let through")
  func otherArchitecture() async throws {
    // mov eax, 20 (getpid); int 0x80; ret
    let said = try await run(
      """
      import ctypes, mmap
      code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
      code.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")
      start = ctypes.addressof(ctypes.c_char.from_buffer(code))
      print(ctypes.CFUNCTYPE(ctypes.c_int)(start)())
      """)
    // A kernel without such programs ends the process.
    #expect(said == "\(-ENOSYS)\n" || said.isEmpty, "\(said)")
  }
}
