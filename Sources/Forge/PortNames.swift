import Engine

// `GitFault` is a fault of the engine's port and one of running git, and neither module's name can
// always stand before it: `Engine` is also an actor. So each gets a name of its own here.

/// The port's fault: what the engine decides by.
package typealias MirrorFault = GitFault
/// The port that the API's client is.
package typealias ForgePort = Forge
