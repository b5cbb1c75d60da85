import ArgumentParser
import Domain
import Processes
import Workflows

/// How long copies of repositories are kept: the server's mirrors, and a worker's clones.
struct CacheOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Copies of repositories that were not used for so long go (30d).", valueName: "time"))
  var cacheAge: String?
  @Option(
    help: ArgumentHelp(
      "Beyond this size those go that were not used for longest (50GiB), for the server and for "
        + "each worker.", valueName: "size"))
  var cacheSize: String?

  func put(into flags: inout GivenFlags) {
    flags.put(.cacheAge, cacheAge)
    flags.put(.cacheSize, cacheSize)
  }

  func read(_ settings: Settings) throws -> CacheLimits {
    var limits = CacheLimits()
    if let age = try settings.value(
      .cacheAge, form: Quantity.durationForm, { Quantity.duration($0) })
    {
      limits.age = .milliseconds(age.count)
    }
    if let bytes = try settings.value(
      .cacheSize, form: Quantity.sizeForm, { Quantity.size($0) })
    {
      limits.bytesMax = bytes
    }
    return limits
  }
}

extension CacheLimits {
  /// The flags for a worker.
  var flags: [String] {
    ["--cache-age", "\(age.components.seconds)s", "--cache-size", "\(bytesMax)B"]
  }
}
