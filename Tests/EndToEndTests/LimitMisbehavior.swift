extension Misbehavior {
  /// Agents that take more of the machine than they may, where it is hard to see, or leave more
  /// than others can wait for.
  static let limits = [
    Misbehavior(
      name: "hides-memory-in-files",
      script: python(
        """
        fds = [os.memfd_create("x") for i in range(6)]
        for fd in fds:
            for i in range(100): os.write(fd, b"x" * MiB)
        time.sleep(600)
        """), code: "agent-failed", says: "MiB of memory"),
    Misbehavior(
      name: "hides-files",
      script: python(
        """
        for i in range(3):
            fd = os.open("u", os.O_CREAT | os.O_RDWR); os.unlink("u")
            for i in range(100): os.write(fd, b"x" * MiB)
        time.sleep(600)
        """), code: "agent-failed", says: "MiB of disk"),
    Misbehavior(
      name: "detaches-memory",
      script: python(
        """
        import ctypes
        sys.exit(9 if ctypes.CDLL(None).shmget(0, ctypes.c_size_t(200 * MiB), 0o1600) < 0 else 0)
        """), code: "agent-failed", says: "exit code 9", needsSandbox: true),
    Misbehavior(
      name: "hides-its-open-files",
      script: "cp $(command -v sleep) /tmp/s; chmod 111 /tmp/s; /tmp/s 600", code: "agent-failed",
      says: "open files be looked at", needsSandbox: true),
    Misbehavior(
      name: "makes-empty-folders",
      script: "mkdir e; cd e; seq 80000 | xargs mkdir; echo a > ../a", code: "agent-failed",
      says: "MiB of disk"),
    Misbehavior(
      name: "writes-costly-rules",
      script: """
        p=$(printf '*a%.0s' $(seq 60))b; n=$(printf 'a%.0s' $(seq 200)); mkdir f
        seq 1500 | sed "s/^/f\\\\/$n/" | xargs touch
        for i in $(seq 300); do echo $p; done > .gitignore
        """, code: "agent-failed", says: "s of CPU time"),
  ]

  private static func python(_ script: String) -> String {
    """
    cat > "${TMPDIR:-/tmp}/s.py" <<'END'
    import os, sys, time
    MiB = 1 << 20
    \(script)
    END
    python3 "${TMPDIR:-/tmp}/s.py"
    """
  }
}
