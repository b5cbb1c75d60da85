// A thin wrapper of libsqlite3, for the event log and for the embedded forge.
//
// What it is for: `Database` is one connection with its prepared statements, `Statement` binds and
// reads by column, `SQLiteError` tells apart what its callers treat differently. It knows nothing
// of what is stored.
//
// What it promises: a connection is used by one thread at a time and is not shared; statements are
// prepared once and reset after use; values are bound, never written into SQL; text and blobs are
// copied out, so nothing points into SQLite's memory.
//
// How it fails: each call throws a `SQLiteError` with the operation, SQLite's words and its kind:
// busy, full, an I/O error, a hurt file. Nothing is tried again here, since after a failed sync a
// second try would lie: that is for the caller, who knows what it was about.
