// The event log: its envelope, its codec, its hash chain, and the contract of a store.
//
// What it is for: everything that AIPM knows is an event in one order. An event is taken apart as
// it is kept: typed facts, which folds and queries read; a `detail` object, which is shown; and the
// words of users and agents, which stand apart under a salt so that a redaction can take them away.
// `EventSealer` gives it position, version, time, id and hashes; `EventStore` is what a place that
// keeps the log has to promise; `ChainCheck` finds what was changed.
//
// What it promises: what is hashed is written in one way (`JSONValue.canonical`, `LogHash`), so
// that a stranger can check an export with any language. A check puts the same bytes together by
// other code (`EventHasher`, from columns where they stand), so that a slip in either shows. A
// number or a name that stands in a log is never used again for something else; what an old log
// holds is read for ever.
//
// How it fails: what cannot be read is a `CodecFault` with the event's place; what is not true of
// the chain is said in words, event by event, and the check goes on.
