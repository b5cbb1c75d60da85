// The views: rows derived from the log, for people and programs.
//
// Purpose: rows that lists, pages and queries read. A view is declared once, by the type of its
// row: see `ViewRow`, and the files in `Views`. `Projector` folds events into rows. `ViewDigest` is
// a digest of rows. `LogFold` is a whole replay, with all checks of the log. `ReadModels` queries
// rows, `LogReader` reads and checks the log, and `StoreDriver` opens a store.
//
// Guarantees: rows are a function of the events alone. The same projector runs in the writer's
// transaction, in a replay and in the tests, so every row can be verified from the log, and a view
// can be dropped and rebuilt to the same bytes. Digests are sums of row hashes: a change of one row
// updates them without reading the other rows.
//
// Failures: none. A stream whose events do not follow from each other is quarantined: its row has
// the reason, and its later events change nothing.
