import FoundationEssentials
import Glibc
import SystemCalls
import Terminal

/// A program of the user that has the terminal meanwhile: an editor, a pager, a browser. It is run
/// as git runs it: a shell reads the value, so that it may contain options.
struct Foreground {
  /// What the user set, such as `code --wait`.
  let value: String

  /// The value of the first of these variables that is set and not empty.
  init?(_ variables: [String], orElse standard: [String] = []) {
    let environment = ProcessInfo.processInfo.environment
    let set = variables.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    guard let value = set ?? standard.first(where: Self.isInstalled) else { return nil }
    self.value = value
  }

  private static func isInstalled(_ program: String) -> Bool {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
    return path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
  }

  /// Runs it with arguments, and waits for its end. Ctrl-C is for the program alone.
  /// - Parameters:
  ///   - environment: variables that are set if the user has not set them.
  ///   - input: the descriptor of its standard input; nil for this process's.
  /// - Returns: its exit code; 128 and the number if a signal ended it.
  /// - Throws: `Failure` if it cannot be started.
  func run(
    _ arguments: [String], environment defaults: [String: String] = [:], input: Int32? = nil,
    whileRunning body: () -> Void = {}
  ) throws -> Int32 {
    let environment = defaults.merging(ProcessInfo.processInfo.environment) { $1 }
    // The shell passes the arguments on without reading them.
    let words = ["sh", "-c", value + " \"$@\"", value] + arguments
    var held: [Int32: sighandler_t?] = [:]
    for number in [SIGINT, SIGQUIT, SIGPIPE] { held[number] = signal(number, SIG_IGN) }
    defer { for (number, handler) in held { signal(number, handler) } }
    let process = try Self.spawn(words, environment, input)
    body()
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { throw Failure("\(value.safe()) was lost") }
    }
    let ending = status & 0x7f
    return ending == 0 ? (status >> 8) & 0xff : 128 + ending
  }

  private static func spawn(
    _ words: [String], _ environment: [String: String], _ input: Int32?
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let input { posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO) }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var standard = sigset_t()
    sigemptyset(&standard)
    for number in [SIGINT, SIGQUIT, SIGPIPE] { sigaddset(&standard, number) }
    posix_spawnattr_setsigdefault(&attributes, &standard)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
    var arguments = words.map { strdup($0) } + [nil]
    var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var process = pid_t()
    let code = posix_spawnp(&process, "sh", &actions, &attributes, &arguments, &variables)
    guard code == 0 else { throw Failure("sh could not be started: \(SystemWords.of(code))") }
    return process
  }

  /// Runs it with a text as its standard input.
  /// - Returns: false if it could not be started; the text was then not shown.
  func take(_ text: String, environment: [String: String]) -> Bool {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { return false }
    let (output, input) = (ends[0], ends[1])
    // The program must not hold its own input open.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var isClosed = false
    let code = try? run([], environment: environment, input: output) {
      close(output)
      Self.write(Array(text.utf8), to: input)
      close(input)
      isClosed = true
    }
    if !isClosed {
      close(output)
      close(input)
    }
    // A shell ends with 126 or 127 if it cannot run the program.
    return code.map { $0 != 126 && $0 != 127 } ?? false
  }

  /// Writes until the reader has read enough.
  private static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}
