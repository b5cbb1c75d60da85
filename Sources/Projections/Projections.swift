// The views: what is seen of the log.
//
// What it is for: delegations, pull requests and workers as rows that lists, pages and queries
// read. `Projector` folds events into rows; `ViewDigest` sums them up; `LogFold` is a whole replay
// with everything about the log that can be checked on the way; `Views` is how rows are asked for.
//
// What it promises: rows are a function of the events alone. The same projector runs in the
// writer's transaction, in a replay and in the tests, so what is shown can be proven from the log,
// and a view can be thrown away and made again to the byte. Digests are sums of row hashes: they
// follow each change without a look at the other rows.
//
// How it fails: it does not. A stream whose events do not follow from each other is marked as in
// quarantine, its row says why, and its later events change nothing.
