#ifndef POSTGRESQL_REFERENCE_H
#define POSTGRESQL_REFERENCE_H

/// The result of a run.
typedef struct {
  long appends;
  long commits;
  double seconds;
  /// The processor time of this program.
  double cpu_seconds;
  /// Why the run failed; empty if it did not.
  char error[512];
} postgresql_reference_result;

/// Writes a log again, event by event, with the statements and the hashes of an append, and nothing
/// else: no decoding, no checks, no other thread. `aipm-bench store-postgresql` measures the event
/// store against it. Without the package trait `PostgreSQL` it fails.
///
/// - source: the address of a database in which the event store has written a log. It is read before
///   the clock starts.
/// - target: the address of a database with the same tables, which are empty.
/// - batch: the number of appends in a commit.
/// - seconds: when to stop, if the source has not ended before.
/// Returns 0, or -1 with `error` set.
int postgresql_reference_run(const char *source, const char *target, int batch, double seconds,
                             postgresql_reference_result *result);

#endif
