// Delegations and workers, as functions of their events.
//
// Purpose: this module contains every rule of AIPM. `decide` returns the events that a command
// leads to in a state, `evolve` the state that an event leads to, and `nextIntent` the next action.
// Policies define waiting times, when a silent worker counts as lost, and when to give up. Read
// `DelegationEvent` first, then `DelegationDecide`, `DelegationEvolve` and `Intent`.
//
// Guarantees: the same input always gives the same output. The module imports only `Text`. It has
// no clock, no randomness and no concurrency; `now` is a parameter. Switches over commands, events,
// states and intents list all cases, so the compiler finds every place that a new case concerns.
// Raw values of closed sets are stored in the log and shown in the API, so they never change.
//
// Failures: `decide` throws a `Rejection`, which leaves the state unchanged and is returned to the
// caller. `evolve` throws `CorruptStream` if the state does not allow the event: the log is
// corrupt, and the stream is quarantined. Nothing here crashes.
