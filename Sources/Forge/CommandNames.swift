import Processes

/// The fault of a git command: exit code and words.
typealias CommandFault = GitFault
