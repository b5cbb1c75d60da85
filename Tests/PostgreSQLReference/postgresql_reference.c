#include "postgresql_reference.h"

#include <stdio.h>
#include <string.h>

#ifndef POSTGRESQL

int postgresql_reference_run(const char *source, const char *target, int batch, double seconds,
                             postgresql_reference_result *result) {
  (void)source, (void)target, (void)batch, (void)seconds;
  memset(result, 0, sizeof *result);
  snprintf(result->error, sizeof result->error, "built without PostgreSQL");
  return -1;
}

#else

#include <endian.h>
#include <libpq-fe.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

enum { INT8 = 20, TEXT = 25, BYTEA = 17, INT8_ARRAY = 1016, TEXT_ARRAY = 1009, BYTEA_ARRAY = 1001 };
enum { COLUMNS_MAX = 64, PARAMETERS_MAX = COLUMNS_MAX, HEADER = 19 };

/// The types of events that some views count.
enum { PR_CREATED = 4, DISPATCHED = 5, PUSHED = 7, FAILED = 8, BASE_RESOLVED = 9, GENERATED = 10, RELEASED = 12 };

/// Bytes that grow.
typedef struct {
  char *bytes;
  size_t length, room;
} buffer;

/// A tuple of a binary copy.
typedef struct {
  const char *bytes;
  size_t length;
} tuple;

typedef struct {
  tuple columns;
  /// Without bytes if the event has no text.
  tuple payload;
  long stream;
  long version;
  long type;
} event;

enum { DELEGATIONS, PULL_REQUESTS, TASKS, REPOSITORIES, USAGE, VIEWS };

typedef struct {
  PGresult *rows;
  /// The row of a stream, by its number; -1 if it has none.
  int *of_stream;
  /// The rows of a batch, each one once.
  int *batch, batch_count;
  char *is_in_batch;
} view;

typedef struct {
  event *events;
  long event_count, stream_max;
  buffer copied, payloads;
  view views[VIEWS];
  PGresult *streams, *keys;
  int *name_of_stream, *key_of_stream;
} source_log;

typedef struct {
  PGconn *connection;
  EVP_MD *sha256;
  EVP_MD_CTX *context;
  unsigned char chain[32];
  long epoch;
  postgresql_reference_result *result;
} run;

static const struct {
  const char *table, *key, *fixed, *streams;
} declared[VIEWS] = {
    [DELEGATIONS] = {"delegations", "stream",
                     "'id','stamp','repository','branch','requester','priority','agent','workflow',"
                     "'digest','requested_at','follows'",
                     "stream"},
    [PULL_REQUESTS] = {"pull_requests", "repository, number", "''",
                       "(SELECT d.stream FROM delegations d WHERE d.id = t.delegation)"},
    [TASKS] = {"tasks", "first", "'repository','requester'",
               "(SELECT d.stream FROM delegations d WHERE d.id = t.first)"},
    [REPOSITORIES] = {"repository_usage", "repository, month", "''",
                      "(SELECT max(d.stream) FROM delegations d WHERE d.repository = t.repository)"},
    [USAGE] = {"usage", "day, repository, requester, agent", "''",
               "(SELECT max(d.stream) FROM delegations d WHERE (d.repository, d.requester, d.agent) = "
               "(t.repository, t.requester, t.agent))"},
};

static int fail(run *r, const char *what) {
  if (!*r->result->error)
    snprintf(r->result->error, sizeof r->result->error, "%s: %s", what,
             r->connection ? PQerrorMessage(r->connection) : "no session");
  return -1;
}

static double seconds_of(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add(buffer *b, const void *bytes, size_t length) {
  if (b->length + length > b->room) {
    b->room = 2 * (b->length + length);
    b->bytes = realloc(b->bytes, b->room);
    if (!b->bytes) abort();
  }
  memcpy(b->bytes + b->length, bytes, length);
  b->length += length;
}

static void add_int(buffer *b, int32_t n) {
  n = (int32_t)htobe32((uint32_t)n);
  add(b, &n, sizeof n);
}

static void add_long(buffer *b, int64_t n) {
  n = (int64_t)htobe64((uint64_t)n);
  add(b, &n, sizeof n);
}

static long get_long(const PGresult *rows, int row, int column) {
  int64_t n;
  memcpy(&n, PQgetvalue(rows, row, column), sizeof n);
  return (long)be64toh((uint64_t)n);
}

/// A length as the server writes it.
static size_t length_of(const char *bytes) {
  int32_t n;
  memcpy(&n, bytes, sizeof n);
  return be32toh((uint32_t)n);
}

// MARK: Sessions

static int begin_session(run *r, const char *address) {
  r->connection = PQconnectdb(address);
  if (PQstatus(r->connection) != CONNECTION_OK) return fail(r, "connect");
  PGresult *found = PQexec(r->connection, "SET search_path = aipm; SET synchronous_commit = on; SET jit = off; SET enable_seqscan = off; "
                                           "SET enable_hashjoin = off; SET enable_mergejoin = off");
  int code = PQresultStatus(found) == PGRES_COMMAND_OK ? 0 : fail(r, "settings");
  PQclear(found);
  return code;
}

/// All rows of a query, with binary values.
static PGresult *rows_of(run *r, const char *sql) {
  PGresult *found = PQexecParams(r->connection, sql, 0, NULL, NULL, NULL, NULL, 1);
  if (PQresultStatus(found) == PGRES_TUPLES_OK) return found;
  fail(r, sql);
  PQclear(found);
  return NULL;
}

// MARK: Reading the source

/// Reads tuples, one after another, into `into`, and where each ends.
static long read_copy(run *r, const char *sql, buffer *into, size_t *ends, long most) {
  PGresult *begun = PQexec(r->connection, sql);
  if (PQresultStatus(begun) != PGRES_COPY_OUT) return fail(r, sql);
  PQclear(begun);
  long count = 0;
  char *bytes;
  int length, is_first = 1;
  while ((length = PQgetCopyData(r->connection, &bytes, 0)) > 0) {
    // The header is before the first tuple, and the end has no columns.
    int skipped = is_first ? HEADER : 0;
    is_first = 0;
    if (length - skipped > 2 && count < most) {
      add(into, bytes + skipped, (size_t)(length - skipped));
      ends[count++] = into->length;
    }
    PQfreemem(bytes);
  }
  PGresult *ended;
  while ((ended = PQgetResult(r->connection))) PQclear(ended);
  return length == -1 ? count : fail(r, sql);
}

static int read_view(run *r, source_log *log, int which) {
  view *v = &log->views[which];
  char sql[1024];
  snprintf(sql, sizeof sql, "SELECT %s::bigint AS stream_, t.* FROM %s t", declared[which].streams,
           declared[which].table);
  v->rows = rows_of(r, sql);
  if (!v->rows) return -1;
  int count = PQntuples(v->rows);
  v->of_stream = malloc(((size_t)log->stream_max + 1) * sizeof(int));
  v->batch = calloc((size_t)count + 1, sizeof(int));
  v->is_in_batch = calloc((size_t)count + 1, 1);
  for (long n = 0; n <= log->stream_max; n++) v->of_stream[n] = -1;
  for (int row = 0; row < count; row++)
    if (!PQgetisnull(v->rows, row, 0)) v->of_stream[get_long(v->rows, row, 0)] = row;
  return 0;
}

/// Gives each delegation the row of a view that it shares with others.
static void share(source_log *log, int which, const char *const *columns) {
  view *v = &log->views[which], *delegations = &log->views[DELEGATIONS];
  for (int d = 0; d < PQntuples(delegations->rows); d++) {
    for (int row = 0; row < PQntuples(v->rows); row++) {
      int is_equal = 1;
      for (const char *const *c = columns; *c && is_equal; c++) {
        int left = PQfnumber(delegations->rows, *c), right = PQfnumber(v->rows, *c);
        int length = PQgetlength(delegations->rows, d, left);
        is_equal = length == PQgetlength(v->rows, row, right) &&
                   !memcmp(PQgetvalue(delegations->rows, d, left), PQgetvalue(v->rows, row, right), (size_t)length);
      }
      if (!is_equal) continue;
      v->of_stream[get_long(delegations->rows, d, 0)] = row;
      break;
    }
  }
}

static int read_source(run *r, source_log *log) {
  PGresult *facts = rows_of(r, "SELECT stream, version, type FROM events ORDER BY position");
  log->streams = rows_of(r, "SELECT id, name FROM streams ORDER BY id");
  log->keys = rows_of(r,
                      "SELECT d.stream, k.key, k.delegation, k.body FROM idempotency k JOIN delegations d "
                      "ON d.id = k.delegation");
  if (!facts || !log->streams || !log->keys) return -1;
  log->event_count = PQntuples(facts);
  int streams = PQntuples(log->streams);
  log->stream_max = streams ? get_long(log->streams, streams - 1, 0) : 0;
  log->events = calloc((size_t)log->event_count, sizeof(event));
  size_t *ends = calloc((size_t)log->event_count + 1, sizeof(size_t));
  log->name_of_stream = malloc(((size_t)log->stream_max + 1) * sizeof(int));
  log->key_of_stream = malloc(((size_t)log->stream_max + 1) * sizeof(int));
  for (long n = 0; n <= log->stream_max; n++) log->name_of_stream[n] = log->key_of_stream[n] = -1;
  for (int n = 0; n < streams; n++) log->name_of_stream[get_long(log->streams, n, 0)] = n;
  for (int n = 0; n < PQntuples(log->keys); n++) log->key_of_stream[get_long(log->keys, n, 0)] = n;

  long count = read_copy(r, "COPY (SELECT * FROM events ORDER BY position) TO STDOUT (FORMAT binary)",
                         &log->copied, ends, log->event_count);
  if (count != log->event_count) return fail(r, "the events were not copied whole");
  for (long n = 0; n < count; n++) {
    size_t begin = n ? ends[n - 1] : 0;
    log->events[n] = (event){.columns = {log->copied.bytes + begin, ends[n] - begin},
                             .stream = get_long(facts, (int)n, 0),
                             .version = get_long(facts, (int)n, 1),
                             .type = get_long(facts, (int)n, 2)};
  }
  count = read_copy(r, "COPY (SELECT position, salt, body FROM payloads ORDER BY position) TO STDOUT (FORMAT binary)",
                    &log->payloads, ends, log->event_count);
  if (count < 0) return -1;
  for (long n = 0; n < count; n++) {
    size_t begin = n ? ends[n - 1] : 0;
    int64_t position;
    // After the number of columns and the first one's length.
    memcpy(&position, log->payloads.bytes + begin + 6, sizeof position);
    position = (int64_t)be64toh((uint64_t)position);
    if (position < 1 || position > log->event_count) return fail(r, "the log has gaps");
    log->events[position - 1].payload = (tuple){log->payloads.bytes + begin, ends[n] - begin};
  }
  free(ends);
  PQclear(facts);
  for (int n = 0; n < VIEWS; n++)
    if (read_view(r, log, n)) return -1;
  share(log, REPOSITORIES, (const char *const[]){"repository", NULL});
  share(log, USAGE, (const char *const[]){"repository", "requester", "agent", NULL});
  return 0;
}

static void free_source(source_log *log) {
  for (int n = 0; n < VIEWS; n++) {
    PQclear(log->views[n].rows);
    free(log->views[n].of_stream);
    free(log->views[n].batch);
    free(log->views[n].is_in_batch);
  }
  PQclear(log->streams);
  PQclear(log->keys);
  free(log->name_of_stream);
  free(log->key_of_stream);
  free(log->events);
  free(log->copied.bytes);
  free(log->payloads.bytes);
}

// MARK: Statements

/// The values of a statement: each one after the other in `bytes`.
typedef struct {
  buffer bytes;
  size_t starts[PARAMETERS_MAX];
  int count;
} parameters;

static void begin_value(parameters *p) { p->starts[p->count++] = p->bytes.length; }

/// The beginning of an array with one dimension.
static void begin_array(parameters *p, int type, int count) {
  begin_value(p);
  add_int(&p->bytes, count ? 1 : 0);
  add_int(&p->bytes, 1);
  add_int(&p->bytes, type);
  if (!count) return;
  add_int(&p->bytes, count);
  add_int(&p->bytes, 1);
}

static void add_element(buffer *b, const PGresult *rows, int row, int column) {
  if (PQgetisnull(rows, row, column)) {
    add_int(b, -1);
    return;
  }
  int length = PQgetlength(rows, row, column);
  add_int(b, length);
  add(b, PQgetvalue(rows, row, column), (size_t)length);
}

static int send(run *r, const char *name, const parameters *p) {
  const char *values[PARAMETERS_MAX];
  int lengths[PARAMETERS_MAX], formats[PARAMETERS_MAX];
  for (int n = 0; n < p->count; n++) {
    size_t end = n + 1 < p->count ? p->starts[n + 1] : p->bytes.length;
    values[n] = p->bytes.bytes + p->starts[n];
    lengths[n] = (int)(end - p->starts[n]);
    formats[n] = 1;
  }
  if (!PQsendQueryPrepared(r->connection, name, p->count, values, lengths, formats, 1)) return fail(r, name);
  // The server runs it while the next one is made.
  return PQflush(r->connection) < 0 ? fail(r, name) : 0;
}

static void clear(parameters *p) {
  p->bytes.length = 0;
  p->count = 0;
}

static int prepare(run *r, const char *name, const char *sql, int count, const Oid *types) {
  PGresult *done = PQprepare(r->connection, name, sql, count, types);
  int code = PQresultStatus(done) == PGRES_COMMAND_OK ? 0 : fail(r, sql);
  PQclear(done);
  return code;
}

/// The insert of many rows, which updates those that are there, as the event store's.
static int prepare_view(run *r, const view *v, int which) {
  char list[2048] = "", arrays[2048] = "", changes[4096] = "", sql[8192 + 256], query[1024];
  Oid types[COLUMNS_MAX];
  int count = PQnfields(v->rows) - 1;
  for (int n = 0; n < count; n++) {
    int is_number = PQftype(v->rows, n + 1) == INT8;
    types[n] = is_number ? INT8_ARRAY : TEXT_ARRAY;
    snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", n ? ", " : "", PQfname(v->rows, n + 1));
    snprintf(arrays + strlen(arrays), sizeof arrays - strlen(arrays), "%s$%d::%s", n ? ", " : "", n + 1,
             is_number ? "bigint[]" : "text[]");
  }
  snprintf(query, sizeof query,
           "SELECT string_agg(attname || ' = excluded.' || attname, ', ') FROM pg_attribute WHERE attrelid = "
           "'aipm.%s'::regclass AND attnum > 0 AND attname NOT IN (%s) AND attname <> ALL "
           "(string_to_array('%s', ', '))",
           declared[which].table, declared[which].fixed, declared[which].key);
  PGresult *found = rows_of(r, query);
  if (!found) return -1;
  snprintf(changes, sizeof changes, "%s", PQgetvalue(found, 0, 0));
  PQclear(found);
  snprintf(sql, sizeof sql, "INSERT INTO %s(%s) SELECT * FROM unnest(%s) ON CONFLICT (%s) DO UPDATE SET %s",
           declared[which].table, list, arrays, declared[which].key, changes);
  return prepare(r, declared[which].table, sql, count, types);
}

static int prepare_all(run *r, const source_log *log) {
  for (int n = 0; n < VIEWS; n++)
    if (prepare_view(r, &log->views[n], n)) return -1;
  return prepare(r, "commit", "COMMIT", 0, NULL) ||
         prepare(r, "find_tasks", "SELECT t.* FROM unnest($1::text[]) AS wanted(first) JOIN tasks t USING (first)", 1,
                 (const Oid[]){TEXT_ARRAY}) ||
         prepare(r, "find_pull_requests",
                 "SELECT t.* FROM unnest($1::text[], $2::bigint[]) AS wanted(repository, number) "
                 "JOIN pull_requests t USING (repository, number)",
                 2, (const Oid[]){TEXT_ARRAY, INT8_ARRAY}) ||
         prepare(r, "find_keys", "SELECT key, delegation, body FROM idempotency WHERE key = ANY($1)", 1,
                 (const Oid[]){TEXT_ARRAY}) ||
         prepare(r, "find_stamps", "SELECT stamp FROM delegations WHERE stamp = ANY($1)", 1,
                 (const Oid[]){INT8_ARRAY}) ||
         prepare(r, "find_streams", "SELECT name, id, version FROM streams WHERE name = ANY($1)", 1,
                 (const Oid[]){TEXT_ARRAY}) ||
         prepare(r, "streams",
                 "INSERT INTO streams(id, name, version) SELECT * FROM unnest($1::bigint[], $2::text[], "
                 "$3::bigint[]) ON CONFLICT (id) DO UPDATE SET version = excluded.version",
                 3, (const Oid[]){INT8_ARRAY, TEXT_ARRAY, INT8_ARRAY}) ||
         prepare(r, "keys",
                 "INSERT INTO idempotency(key, delegation, body) SELECT * FROM unnest($1::text[], $2::text[], "
                 "$3::text[])",
                 3, (const Oid[]){TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY}) ||
         prepare(r, "texts",
                 "INSERT INTO payloads(position, salt, body) SELECT * FROM unnest($1::bigint[], $2::bytea[], "
                 "$3::bytea[])",
                 3, (const Oid[]){INT8_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY}) ||
         prepare(r, "digests",
                 "INSERT INTO view_digests(view, version, position, digest) SELECT view, version, $1, $2 FROM "
                 "view_digests ON CONFLICT (view) DO UPDATE SET version = excluded.version, position = "
                 "excluded.position, digest = excluded.digest",
                 2, (const Oid[]){INT8, BYTEA}) ||
         prepare(r, "notify", "SELECT pg_notify('aipm_log', $1)", 1, (const Oid[]){TEXT});
}

static int begin_pipeline(run *r) { return PQenterPipelineMode(r->connection) ? 0 : fail(r, "pipeline"); }

/// Waits for the server once.
static int end_pipeline(run *r) {
  if (!PQpipelineSync(r->connection)) return fail(r, "sync");
  int code = 0;
  for (;;) {
    PGresult *one = PQgetResult(r->connection);
    // NULL ends the results of one statement.
    if (!one) continue;
    ExecStatusType status = PQresultStatus(one);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_PIPELINE_SYNC)
      code = fail(r, PQresultErrorMessage(one));
    PQclear(one);
    if (status == PGRES_PIPELINE_SYNC) break;
    if (PQstatus(r->connection) != CONNECTION_OK) return fail(r, "the session ended");
  }
  return PQexitPipelineMode(r->connection) ? code : fail(r, "pipeline");
}

static void add_hash(char *into, const unsigned char *hash) {
  for (int n = 0; n < 32; n++) sprintf(into + 2 * n, "%02x", hash[n]);
}

/// Begins a transaction with the new head and the events, in one message.
static int begin_batch(run *r, long at, int count, const unsigned char *old, const buffer *rows) {
  char from[65], to[65], sql[1024];
  add_hash(from, old);
  add_hash(to, r->chain);
  snprintf(sql, sizeof sql,
           "BEGIN; UPDATE head SET position = %ld, hash = '\\x%s' WHERE epoch = %ld AND position = %ld AND hash = "
           "'\\x%s'; COPY events FROM STDIN (FORMAT binary)",
           at + count, to, r->epoch, at, from);
  if (!PQsendQuery(r->connection, sql)) return fail(r, "begin");
  int code = 0;
  PGresult *one;
  while ((one = PQgetResult(r->connection))) {
    ExecStatusType status = PQresultStatus(one);
    PQclear(one);
    if (status == PGRES_COPY_IN) {
      if (PQputCopyData(r->connection, rows->bytes, (int)rows->length) != 1 ||
          PQputCopyData(r->connection, "\377\377", 2) != 1 || PQputCopyEnd(r->connection, NULL) != 1)
        return fail(r, "copy");
    } else if (status != PGRES_COMMAND_OK) {
      code = fail(r, "begin");
    }
  }
  return code;
}

// MARK: Hashes

static void begin_hash(run *r) { EVP_DigestInit_ex2(r->context, r->sha256, NULL); }

static void hash_event(run *r, const event *e) {
  unsigned char payload[32], leaf[32];
  if (e->payload.length) {
    begin_hash(r);
    EVP_DigestUpdate(r->context, e->payload.bytes, e->payload.length);
    EVP_DigestFinal_ex(r->context, payload, NULL);
  }
  begin_hash(r);
  EVP_DigestUpdate(r->context, e->columns.bytes, e->columns.length);
  EVP_DigestFinal_ex(r->context, leaf, NULL);
  begin_hash(r);
  EVP_DigestUpdate(r->context, r->chain, sizeof r->chain);
  EVP_DigestUpdate(r->context, leaf, sizeof leaf);
  EVP_DigestFinal_ex(r->context, r->chain, NULL);
}

static void hash_row(run *r, const PGresult *rows, int row) {
  unsigned char digest[32];
  begin_hash(r);
  for (int n = 0; n < PQnfields(rows); n++)
    EVP_DigestUpdate(r->context, PQgetvalue(rows, row, n), (size_t)PQgetlength(rows, row, n));
  EVP_DigestFinal_ex(r->context, digest, NULL);
}

// MARK: Batches

/// Adds the row of a stream to the batch, and hashes it.
static void touch(run *r, view *v, long stream) {
  int row = v->of_stream[stream];
  if (row < 0) return;
  hash_row(r, v->rows, row);
  if (v->is_in_batch[row]) return;
  v->is_in_batch[row] = 1;
  v->batch[v->batch_count++] = row;
}

static void touch_all(run *r, source_log *log, const event *e) {
  hash_event(r, e);
  if (log->views[DELEGATIONS].of_stream[e->stream] < 0) return;
  touch(r, &log->views[DELEGATIONS], e->stream);
  // A pull request's row changes with each state from its creation on: half of the events.
  if (e->version > 4 && e->type != GENERATED) touch(r, &log->views[PULL_REQUESTS], e->stream);
  if (e->type != BASE_RESOLVED) touch(r, &log->views[TASKS], e->stream);
  int is_end = e->type == PUSHED || e->type == FAILED || e->type == GENERATED || e->type == RELEASED;
  if (is_end || e->type == DISPATCHED) touch(r, &log->views[REPOSITORIES], e->stream);
  if (is_end) touch(r, &log->views[USAGE], e->stream);
}

static int put_view(run *r, view *v, int which, parameters *p) {
  if (!v->batch_count) return 0;
  clear(p);
  for (int column = 1; column < PQnfields(v->rows); column++) {
    begin_array(p, PQftype(v->rows, column) == INT8 ? INT8 : TEXT, v->batch_count);
    for (int n = 0; n < v->batch_count; n++) add_element(&p->bytes, v->rows, v->batch[n], column);
  }
  for (int n = 0; n < v->batch_count; n++) v->is_in_batch[v->batch[n]] = 0;
  v->batch_count = 0;
  return send(r, declared[which].table, p);
}

/// Whether a pull request's row is looked up for an event.
static int finds_pull_request(const source_log *log, const event *e) {
  return e->type == PR_CREATED && log->views[PULL_REQUESTS].of_stream[e->stream] >= 0;
}

/// Looks up what is not in memory: of delegations that begin the keys, the stamps, the streams and
/// the tasks, and new pull requests.
static int look_up(run *r, const source_log *log, const event *events, int count, parameters *p) {
  const view *delegations = &log->views[DELEGATIONS], *tasks = &log->views[TASKS],
             *pull_requests = &log->views[PULL_REQUESTS];
  int stamp = PQfnumber(delegations->rows, "stamp"), first = PQfnumber(tasks->rows, "first"), begun = 0, keys = 0,
      created = 0;
  for (int n = 0; n < count; n++) {
    created += finds_pull_request(log, &events[n]);
    if (events[n].version != 1) continue;
    if (delegations->of_stream[events[n].stream] < 0) return fail(r, "a stream has no delegation");
    begun++;
    keys += log->key_of_stream[events[n].stream] >= 0;
  }
  if (!begun && !created) return 0;
  if (begin_pipeline(r)) return -1;
  if (begun) {
    clear(p);
    begin_array(p, TEXT, keys);
    for (int n = 0; n < count; n++) {
      int key = events[n].version == 1 ? log->key_of_stream[events[n].stream] : -1;
      if (key >= 0) add_element(&p->bytes, log->keys, key, 1);
    }
    if (send(r, "find_keys", p)) return -1;
    clear(p);
    begin_array(p, INT8, begun);
    for (int n = 0; n < count; n++)
      if (events[n].version == 1)
        add_element(&p->bytes, delegations->rows, delegations->of_stream[events[n].stream], stamp);
    if (send(r, "find_stamps", p)) return -1;
    clear(p);
    begin_array(p, TEXT, begun);
    for (int n = 0; n < count; n++)
      if (events[n].version == 1)
        add_element(&p->bytes, log->streams, log->name_of_stream[events[n].stream], 1);
    if (send(r, "find_streams", p)) return -1;
    clear(p);
    begin_array(p, TEXT, begun);
    for (int n = 0; n < count; n++)
      if (events[n].version == 1) add_element(&p->bytes, tasks->rows, tasks->of_stream[events[n].stream], first);
    if (send(r, "find_tasks", p)) return -1;
  }
  if (created) {
    clear(p);
    for (int column = 0; column < 2; column++) {
      begin_array(p, column ? INT8 : TEXT, created);
      int number = PQfnumber(pull_requests->rows, column ? "number" : "repository");
      for (int n = 0; n < count; n++)
        if (finds_pull_request(log, &events[n]))
          add_element(&p->bytes, pull_requests->rows, pull_requests->of_stream[events[n].stream], number);
    }
    if (send(r, "find_pull_requests", p)) return -1;
  }
  return end_pipeline(r);
}

static int put_streams(run *r, const source_log *log, const event *events, int count, long *last, parameters *p) {
  // Only the last event of a stream has its version.
  for (int n = 0; n < count; n++) last[events[n].stream] = events[n].version;
  int streams = 0;
  for (int n = 0; n < count; n++) streams += last[events[n].stream] == events[n].version;
  clear(p);
  for (int column = 0; column < 3; column++) {
    begin_array(p, column == 1 ? TEXT : INT8, streams);
    for (int n = 0; n < count; n++) {
      if (last[events[n].stream] != events[n].version) continue;
      if (column == 2) {
        add_int(&p->bytes, 8);
        add_long(&p->bytes, events[n].version);
      } else {
        add_element(&p->bytes, log->streams, log->name_of_stream[events[n].stream], column);
      }
    }
  }
  return send(r, "streams", p);
}

static int put_keys(run *r, const source_log *log, const event *events, int count, parameters *p) {
  int keys = 0;
  for (int n = 0; n < count; n++) keys += events[n].version == 1 && log->key_of_stream[events[n].stream] >= 0;
  if (!keys) return 0;
  clear(p);
  for (int column = 1; column < 4; column++) {
    begin_array(p, TEXT, keys);
    for (int n = 0; n < count; n++)
      if (events[n].version == 1 && log->key_of_stream[events[n].stream] >= 0)
        add_element(&p->bytes, log->keys, log->key_of_stream[events[n].stream], column);
  }
  return send(r, "keys", p);
}

/// Inserts the texts of the events.
static int put_texts(run *r, const event *events, int count, parameters *p) {
  int texts = 0;
  for (int n = 0; n < count; n++) texts += events[n].payload.length > 0;
  if (!texts) return 0;
  clear(p);
  for (int column = 0; column < 3; column++) {
    begin_array(p, column ? BYTEA : INT8, texts);
    for (int n = 0; n < count; n++) {
      if (!events[n].payload.length) continue;
      // A tuple begins with the number of its columns. Each value has its length before it, as an
      // element of an array has.
      const char *value = events[n].payload.bytes + 2;
      for (int before = 0; before < column; before++) value += 4 + length_of(value);
      add(&p->bytes, value, 4 + length_of(value));
    }
  }
  return send(r, "texts", p);
}

static int write_batch(run *r, source_log *log, long at, int count, buffer *rows, long *last, parameters *p) {
  static const char header[HEADER] = "PGCOPY\n\377\r\n";
  const event *events = &log->events[at];
  unsigned char old[32];
  if (look_up(r, log, events, count, p)) return -1;
  memcpy(old, r->chain, sizeof old);
  rows->length = 0;
  add(rows, header, HEADER);
  for (int n = 0; n < count; n++) {
    touch_all(r, log, &events[n]);
    add(rows, events[n].columns.bytes, events[n].columns.length);
  }

  if (begin_batch(r, at, count, old, rows) || begin_pipeline(r)) return -1;
  for (int n = 0; n < VIEWS; n++)
    if (put_view(r, &log->views[n], n, p)) return -1;
  if (put_streams(r, log, events, count, last, p) || put_keys(r, log, events, count, p) ||
      put_texts(r, events, count, p))
    return -1;
  clear(p);
  begin_value(p), add_long(&p->bytes, at + count);
  begin_value(p), add(&p->bytes, r->chain, sizeof r->chain);
  if (send(r, "digests", p)) return -1;
  char position[24];
  int length = snprintf(position, sizeof position, "%ld", at + count);
  clear(p);
  begin_value(p), add(&p->bytes, position, (size_t)length);
  if (send(r, "notify", p)) return -1;
  clear(p);
  return send(r, "commit", p) || end_pipeline(r);
}

static int write_log(run *r, source_log *log, int batch, double seconds) {
  PGresult *head = rows_of(r, "SELECT epoch, position, hash FROM head");
  if (!head) return -1;
  r->epoch = get_long(head, 0, 0);
  int is_empty = get_long(head, 0, 1) == 0;
  memcpy(r->chain, PQgetvalue(head, 0, 2), sizeof r->chain);
  PQclear(head);
  if (!is_empty) return fail(r, "the target has events");
  if (prepare_all(r, log)) return -1;
  buffer rows = {0};
  parameters p = {0};
  long *last = calloc((size_t)log->stream_max + 1, sizeof(long));
  double begun = seconds_of(CLOCK_MONOTONIC), used = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  int code = 0;
  long at = 0;
  while (!code && at < log->event_count && seconds_of(CLOCK_MONOTONIC) - begun < seconds) {
    int count = log->event_count - at < batch ? (int)(log->event_count - at) : batch;
    code = write_batch(r, log, at, count, &rows, last, &p);
    at += count;
    r->result->commits++;
  }
  r->result->seconds = seconds_of(CLOCK_MONOTONIC) - begun;
  r->result->cpu_seconds = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - used;
  r->result->appends = at;
  free(rows.bytes);
  free(p.bytes.bytes);
  free(last);
  return code;
}

int postgresql_reference_run(const char *source, const char *target, int batch, double seconds,
                             postgresql_reference_result *result) {
  memset(result, 0, sizeof *result);
  run r = {.result = result, .sha256 = EVP_MD_fetch(NULL, "SHA256", NULL), .context = EVP_MD_CTX_new()};
  source_log log = {0};
  int code = r.sha256 && r.context ? begin_session(&r, source) : fail(&r, "SHA-256");
  if (!code) code = read_source(&r, &log);
  PQfinish(r.connection);
  r.connection = NULL;
  if (!code) code = begin_session(&r, target);
  if (!code) code = write_log(&r, &log, batch, seconds);
  PQfinish(r.connection);
  free_source(&log);
  EVP_MD_CTX_free(r.context);
  EVP_MD_free(r.sha256);
  return code;
}

#endif
