import ArgumentParser
import Workflows

/// Where a subcommand reads what is configured.
struct ConfigurationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("A folder of workflows on top of the built-in ones.", valueName: "dir"))
  var workflows: String?
  @Option(help: ArgumentHelp("The configuration file (./aipm.yaml).", valueName: "file"))
  var config: String?
  @Option(name: .customLong("env"), help: "The section of the configuration file (development).")
  var environmentName: String?

  /// The settings of these flags, an environment and the configuration file.
  func settings(_ environment: [String: String]) throws -> Settings {
    try Settings(
      config: config ?? environment["AIPM_CONFIG"],
      name: environmentName ?? environment["AIPM_ENV"] ?? "development",
      environment: environment)
  }

  /// The workflows that are built in, and those of the folder that is configured.
  func catalog(_ settings: Settings) throws -> WorkflowCatalog {
    try WorkflowCatalog(directory: settings.text("workflows", flag: workflows))
  }
}
