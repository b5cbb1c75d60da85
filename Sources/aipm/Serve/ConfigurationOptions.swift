import ArgumentParser
import FoundationEssentials
import Terminal
import Workflows

/// The configuration of a subcommand.
struct ConfigurationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("A folder of workflows on top of the built-in ones.", valueName: "dir"),
    completion: .directory)
  var workflows: String?
  @Option(
    help: ArgumentHelp("The configuration file (./aipm.yaml).", valueName: "file"),
    completion: .file())
  var config: String?
  @Option(
    name: .customLong("env"),
    help: ArgumentHelp("The section of the configuration file (development).", valueName: "name"))
  var environmentName: String?

  /// The settings of the flags, an environment and the configuration file.
  func settings(
    _ environment: [String: String], flags: GivenFlags = GivenFlags()
  ) throws -> Settings {
    var flags = flags
    flags.put(.workflows, workflows)
    func set(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    let file = try ConfigurationFile.find(
      path: config ?? set("AIPM_CONFIG"), section: environmentName ?? set("AIPM_ENV"))
    let credentials = try ServiceCredentials(
      environment,
      names: EffectiveSettings.secretVariables.map(ServiceCredentials.name)
        + [ServiceCredentials.githubAppKey])
    return Settings(flags: flags, environment: environment, credentials: credentials, file: file)
  }

  /// The settings with this process's environment.
  /// - Throws: `ValidationError` if the configuration file is invalid.
  func settingsOrFailure(flags: GivenFlags = GivenFlags()) throws -> Settings {
    do {
      return try settings(ProcessInfo.processInfo.environment, flags: flags)
    } catch let fault as Settings.Fault {
      throw ValidationError(fault.description)
    }
  }

  /// The workflows of this process's settings.
  /// - Throws: `Failure` with all errors in the definitions.
  func workflowCatalog() throws -> WorkflowCatalog {
    let settings = try settingsOrFailure()
    do {
      return try catalog(settings)
    } catch let faults as WorkflowFaults {
      throw Failure("\(faults)".safe(keepsLines: true))
    }
  }

  /// The built-in workflows, and those of the configured folder.
  func catalog(_ settings: Settings) throws -> WorkflowCatalog {
    try WorkflowCatalog(directory: settings.text(.workflows))
  }
}
