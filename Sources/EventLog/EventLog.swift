// The event log: its envelope, its codec, its hash chain, and the contract of a store.
//
// Purpose: all that AIPM knows is an event in one order. An event has three parts: facts in typed
// columns, which folds and queries read; a `detail` object, which is only shown; and the text of
// users and agents, which is stored separately with a salt so that it can be redacted.
// `EventColumn` declares the columns. `EventSealer` gives an event its position, version, time, id
// and hashes. `EventStore` is the contract of a store. `ChainCheck` finds changed events.
//
// Guarantees: hashed values have one encoding (`JSONValue.canonical`, `LogHash`), so an export can
// be checked in any language. A check of rows builds the same bytes with other code
// (`EventHasher`), so a mistake in either is noticed. A number or a name in a log is never reused.
// Old logs can always be read.
//
// Failures: an event that can't be decoded is a `CodecFault` with its position. A check of the
// chain describes each invalid event and continues.
