import Glibc
import Testing

/// Runs the tests of the store on PostgreSQL, with the options of `swift test`. It is a program of
/// its own, so that a build with the trait `PostgreSQL` needs no more of the package than they do.
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
