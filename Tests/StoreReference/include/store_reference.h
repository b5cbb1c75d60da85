#ifndef STORE_REFERENCE_H
#define STORE_REFERENCE_H

/// What one run came to.
typedef struct {
  long appends;
  long commits;
  double seconds;
  /// Of the processor.
  double cpu_seconds;
  /// Why it ended before its time; empty if it did not.
  char error[256];
} store_reference_result;

/// Writes a log again, event by event, with the statements and the hashes of an append, and nothing
/// else: no decoding, no checks, no other thread. It is the limit that `aipm-bench store` measures
/// the event store against.
///
/// - source: a database that the event store wrote. Its rows are read before the clock starts.
/// - target: a database with the same tables, and nothing in them.
/// - batch: how many appends share a commit.
/// - seconds: when to stop, if the source has not ended before.
/// Returns 0, or -1 with `error` set.
int store_reference_run(const char *source, const char *target, int batch, double seconds,
                        store_reference_result *result);

/// Reads a log from its beginning on one thread, every column, and does nothing with it.
///
/// - hashes: whether SHA-256 is made of each event's columns and of its payload, which is what a
///   check of the chain cannot do without.
/// Returns 0 with `appends` the number of events, or -1 with `error` set.
int store_reference_scan(const char *source, int hashes, store_reference_result *result);

#endif
