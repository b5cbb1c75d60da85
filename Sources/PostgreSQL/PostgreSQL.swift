// A thin wrapper of libpq, for the event log on PostgreSQL. It is empty unless the package is built
// with the trait `PostgreSQL`, so that a build without it needs no libpq.
//
// Purpose: `PostgreSQLAddress` is the location of a database. `PostgreSQLConnection` is one session
// with its prepared statements. `PostgreSQLRows` is a result in binary form. `CopyBuffer` has rows
// for COPY. `PostgreSQLError` distinguishes the kinds of errors that callers treat differently.
//
// Guarantees: a connection is used by one thread at a time. Every call has a time limit on the side
// of the client, also if the server or the network says nothing. Values are parameters, never
// written into SQL. The password is in no error and in no description.
//
// Failures: each call throws a `PostgreSQLError` with the operation, the server's message and its
// code. After a lost connection or an expired limit the connection is not used again: nothing is
// retried here, because only the caller knows whether a repetition is harmless.
