// A thin wrapper of libsqlite3, for the event log and for the embedded forge.
//
// Purpose: `Database` is one connection with its prepared statements. `Statement` binds parameters
// and reads columns. `SQLiteError` distinguishes the kinds of errors that callers treat
// differently.
//
// Guarantees: a connection is used by one thread at a time. Statements are prepared once and reset
// after use. Values are bound, never written into SQL. Text and blobs are copied out, except in the
// calls that are documented to return bytes in place.
//
// Failures: each call throws a `SQLiteError` with the operation, SQLite's message and its kind:
// busy, full, an I/O error, a corrupt file. Nothing is retried here: after a failed sync a retry
// could report a false success, so the caller decides.
