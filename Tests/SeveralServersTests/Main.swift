import Glibc
import Testing

/// Runs the tests of several servers of one log, with the options of `swift test`. It is a program
/// of its own, because the server and these tests are built with the trait `PostgreSQL`.
@main
enum Main {
  static func main() async {
    #if PostgreSQL
    await Testing.__swiftPMEntryPoint() as Never
    #else
    print("built without PostgreSQL: swift build --traits PostgreSQL")
    exit(2)
    #endif
  }
}

/// The tests start servers and time them, so they run one after another.
@Suite(.serialized, .timeLimit(.minutes(15)))
struct SeveralServersTests {}
