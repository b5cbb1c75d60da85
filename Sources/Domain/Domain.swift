// What a delegation and a worker are, as functions of what has happened to them.
//
// What it is for: every rule of AIPM stands here and nowhere else. `decide` says which events a
// command leads to in a state, `evolve` which state an event leads to, `nextIntent` what is to be
// done next; policies say how long to wait, when silence means death, when to give up. Read
// `DelegationEvent`, then `DelegationDecide`, `DelegationEvolve` and `Intent`.
//
// What it promises: the same input gives the same output, for ever. It imports only `Text`. It has
// no clock, no chance, no concurrency; `now` is passed in. A switch over commands, events, states
// or intents lists them all, so the compiler names every place that a new one touches. Raw values
// of its closed sets stand in the log and in the API, so none ever changes.
//
// How it fails: `decide` throws a `Rejection`, which leaves the state as it was and is an answer to
// whoever asked; `evolve` throws `CorruptStream` for an event that its state does not allow, which
// is a sign that the log was hurt, and puts that stream into quarantine. Nothing here crashes.
