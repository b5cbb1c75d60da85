// The way to the forge: GitHub's REST API, and git.
//
// What it is for: it carries out the calls of the engine's ports (`ForgeCall`, `GitCall`) on a real
// forge and brings each answer back as a value of the port. It knows requests, statuses, headers
// and git's messages; it knows nothing of delegations. GitHub, GitHub Enterprise and the embedded
// forge are the same to it: what differs is the address and the credential.
//
// What it promises:
// - A call ends within its own time limit, with a reply or a fault of the class that the engine
//   needs in order to decide: was it never sent, may it have happened, is it refused for good, or
//   is it too early. An answer that was lost is never reported as a refusal.
// - Nothing is retried here, but for one thing: a repository that was renamed answers 301, which
//   says that the call was not carried out, and it is made once more at the new address.
// - A limit of the forge is obeyed for the whole credential: until it ends no call is sent.
// - The credential is in the `Authorization` header and in git's environment, and nowhere else: not
//   in URLs, argument lists, mirrors, messages. It goes to the API's own address and to the
//   `clone_url`s that the API names.
// - What a worker hands in is looked at in quarantine before it becomes part of a mirror, and is on
//   disk before it is accepted.
//
// How it fails: with `ForgeFault`, `GitFault` and `HandInRefusal`, each with the forge's own words
// and, where a person can do something, with what to do.
