// The views: what people and programs see of the log.
//
// What it is for: rows that lists, pages and queries read. A view is declared once, by the type of
// its row: see `ViewRow`, and the files in `Views`. `Projector` folds events into rows.
// `ViewDigest` sums rows up. `LogFold` is a whole replay, with everything about the log that can be
// checked on the way. `ReadModels` is how rows are asked for, `LogReader` how the log is read and
// checked, `StoreDriver` how a store is opened.
//
// What it promises: rows are a function of the events alone. The same projector runs in the
// writer's transaction, in a replay and in the tests, so what is shown can be proven from the log,
// and a view can be dropped and built again to the byte. Digests are sums of row hashes: they
// follow each change without a look at the other rows.
//
// How it fails: it does not. A stream whose events do not follow from each other is in quarantine:
// its row says why, and its later events change nothing.
