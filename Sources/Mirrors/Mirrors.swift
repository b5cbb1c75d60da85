// The server's mirrors: bare copies of the forge's repositories, handled with git.
//
// What it is for: it implements the engine's port `RepositoryMirrors`. Workers fetch from a mirror
// and hand their commits in to it; the server pushes from it to the forge. It asks the forge's
// adapter where a repository's git is (`ForgeClient`) and for the password (`GitCredential`), and
// knows nothing else of the forge.
//
// What it promises:
// - A call ends within its own time limit. A lost answer is never reported as a refusal.
// - The password is in git's environment and nowhere else: not in URLs, argument lists, mirrors or
//   messages. It goes to the addresses only that the forge's API names.
// - What a worker hands in is checked in quarantine before it becomes part of a mirror, and is on
//   disk before it is accepted.
// - A limit that the forge sets for git holds for its API too, and the other way round.
//
// How it fails: with `MirrorFault` and `HandInRefusal`. Each carries the words of git or of the
// forge and, if a person can do something about it, a hint.
