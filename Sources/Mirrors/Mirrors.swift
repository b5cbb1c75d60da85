// The server's mirrors: bare copies of the forge's repositories, handled with git.
//
// Purpose: this module implements the engine's port `RepositoryMirrors`. Workers fetch from a
// mirror and hand their commits in to it; the server pushes from it to the forge. The module gets
// the address of a repository's git from the forge's adapter (`ForgeClient`) and the password from
// `GitCredential`; it needs nothing else of the forge.
//
// Guarantees:
// - A call ends within its own time limit. A lost answer is never reported as a refusal.
// - The password is in git's environment and nowhere else: not in URLs, argument lists, mirrors or
//   messages. It is sent only to the addresses that the forge's API names.
// - A hand-in is checked in quarantine before it becomes part of a mirror, and is on disk before it
//   is accepted.
// - If servers share files, an accepted commit is among them until it is pushed, so another server
//   can go on with it.
// - A limit that the forge sets for git holds for its API too, and the other way round.
//
// Failures: `MirrorFault` and `HandInRefusal`. Each has the message of git or of the forge and, if
// a person can do something about it, a hint.
