#include "store_reference.h"

#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VALUES_MAX 64

/// A row, with its values copied out of the source.
typedef struct {
  int count;
  sqlite3_value *values[VALUES_MAX];
} row;

typedef struct {
  row columns;
  row payload;
  sqlite3_value *stream;
  long long stream_number;
  long long version;
  long long type;
} event;

/// The types of events that some views count.
enum { PR_CREATED = 4, DISPATCHED = 5, PUSHED = 7, FAILED = 8, BASE_RESOLVED = 9, GENERATED = 10, RELEASED = 12 };

typedef struct {
  event *events;
  long event_count;
  /// By the number of the stream; `count` is 0 where no delegation has that number.
  row *delegations;
  row *pull_requests;
  row *tasks;
  row *repositories;
  row *usage;
  row *keys;
  long stream_max;
} source_log;

typedef struct {
  sqlite3 *database;
  EVP_MD *sha256;
  EVP_MD_CTX *context;
  unsigned char chain[32];
  store_reference_result *result;
} run;

enum { SELECT_STREAM, INSERT_STREAM, UPDATE_STREAM, INSERT_EVENT, INSERT_PAYLOAD, SELECT_STAMP,
       SELECT_KEY, INSERT_KEY, INSERT_DELEGATION, UPDATE_DELEGATION, INSERT_PULL_REQUEST,
       UPDATE_PULL_REQUEST, INSERT_TASK, UPDATE_TASK, PUT_REPOSITORY, PUT_USAGE, PUT_DIGESTS,
       BEGIN, COMMIT, STATEMENTS };

static int fail(run *r, const char *what) {
  snprintf(r->result->error, sizeof r->result->error, "%s: %s", what,
           r->database ? sqlite3_errmsg(r->database) : "no database");
  return -1;
}

static double seconds_of(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double now(void) { return seconds_of(CLOCK_MONOTONIC); }

// MARK: Reading the source

static void take(row *into, sqlite3_stmt *s, int first, int count) {
  into->count = count;
  for (int n = 0; n < count; n++) into->values[n] = sqlite3_value_dup(sqlite3_column_value(s, first + n));
}

static int each(run *r, const char *sql, void (*body)(source_log *, sqlite3_stmt *), source_log *log) {
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(r->database, sql, -1, &s, NULL)) return fail(r, sql);
  int code;
  while ((code = sqlite3_step(s)) == SQLITE_ROW) body(log, s);
  sqlite3_finalize(s);
  return code == SQLITE_DONE ? 0 : fail(r, sql);
}

static void take_event(source_log *log, sqlite3_stmt *s) {
  event *e = &log->events[log->event_count++];
  e->stream_number = sqlite3_column_int64(s, 0);
  e->version = sqlite3_column_int64(s, 1);
  e->stream = sqlite3_value_dup(sqlite3_column_value(s, 2));
  e->type = sqlite3_column_int64(s, 3);
  // Most events have no text.
  if (sqlite3_column_type(s, 4) != SQLITE_NULL) take(&e->payload, s, 4, 3);
  int rest = sqlite3_column_count(s) - 7;
  take(&e->columns, s, 7, rest < VALUES_MAX ? rest : VALUES_MAX);
}

static void take_delegation(source_log *log, sqlite3_stmt *s) {
  row *into = &log->delegations[sqlite3_column_int64(s, 0)];
  int count = sqlite3_column_count(s);
  take(into, s, 0, count < VALUES_MAX ? count : VALUES_MAX);
}

/// A row without its first column, the number of its stream.
static void take_of_stream(row *rows, sqlite3_stmt *s) {
  take(&rows[sqlite3_column_int64(s, 0)], s, 1, sqlite3_column_count(s) - 1);
}

static void take_pull_request(source_log *log, sqlite3_stmt *s) { take_of_stream(log->pull_requests, s); }
static void take_task(source_log *log, sqlite3_stmt *s) { take_of_stream(log->tasks, s); }
static void take_repository(source_log *log, sqlite3_stmt *s) { take_of_stream(log->repositories, s); }
static void take_usage(source_log *log, sqlite3_stmt *s) { take_of_stream(log->usage, s); }
static void take_key(source_log *log, sqlite3_stmt *s) { take_of_stream(log->keys, s); }

static long number(run *r, const char *sql) {
  sqlite3_stmt *s = NULL;
  long value = -1;
  if (sqlite3_prepare_v2(r->database, sql, -1, &s, NULL)) return fail(r, sql);
  if (sqlite3_step(s) == SQLITE_ROW) value = (long)sqlite3_column_int64(s, 0);
  sqlite3_finalize(s);
  return value < 0 ? fail(r, sql) : value;
}

static int read_source(run *r, const char *path, source_log *log) {
  if (sqlite3_open_v2(path, &r->database, SQLITE_OPEN_READONLY, NULL)) return fail(r, path);
  long events = number(r, "SELECT count(*) FROM events");
  log->stream_max = number(r, "SELECT ifnull(max(id), 0) FROM streams");
  if (events < 0 || log->stream_max < 0) return -1;
  log->events = calloc((size_t)events, sizeof(event));
  row **all[] = {&log->delegations, &log->pull_requests, &log->tasks,
                 &log->repositories, &log->usage, &log->keys};
  for (int n = 0; n < 6; n++) *all[n] = calloc((size_t)log->stream_max + 1, sizeof(row));
  if (each(r,
           "SELECT e.stream, e.version, s.name, e.type, p.*, e.* FROM events e JOIN streams s ON "
           "s.id = e.stream LEFT JOIN payloads p ON p.position = e.position ORDER BY e.position",
           take_event, log) ||
      each(r, "SELECT * FROM delegations", take_delegation, log) ||
      each(r, "SELECT d.stream, r.* FROM pull_requests r JOIN delegations d ON d.id = r.delegation",
           take_pull_request, log) ||
      each(r, "SELECT d.stream, t.* FROM tasks t JOIN delegations d ON d.id = t.first", take_task, log) ||
      each(r,
           "SELECT d.stream, u.* FROM delegations d JOIN repository_usage u USING (repository) "
           "GROUP BY d.stream",
           take_repository, log) ||
      each(r,
           "SELECT d.stream, u.* FROM delegations d JOIN usage u USING (repository, requester, agent) "
           "GROUP BY d.stream",
           take_usage, log) ||
      each(r,
           "SELECT d.stream, k.* FROM idempotency k JOIN delegations d ON d.id = k.delegation",
           take_key, log))
    return -1;
  sqlite3_close_v2(r->database);
  r->database = NULL;
  return 0;
}

static void free_row(row *r) {
  for (int n = 0; n < r->count; n++) sqlite3_value_free(r->values[n]);
}

static void free_source(source_log *log) {
  for (long n = 0; n < log->event_count; n++) {
    free_row(&log->events[n].columns);
    free_row(&log->events[n].payload);
    sqlite3_value_free(log->events[n].stream);
  }
  free(log->events);
  row *all[] = {log->delegations, log->pull_requests, log->tasks,
                log->repositories, log->usage, log->keys};
  for (int m = 0; m < 6; m++) {
    for (long n = 0; all[m] && n <= log->stream_max; n++) free_row(&all[m][n]);
    free(all[m]);
  }
}

// MARK: Statements

/// `sql`, in which `%s` stands for as many placeholders as the table has columns.
static int prepare_insert(run *r, const char *table, const char *verb, sqlite3_stmt **into) {
  char count[128], sql[1024], places[3 * VALUES_MAX] = "?";
  snprintf(count, sizeof count, "SELECT count(*) FROM pragma_table_info('%s')", table);
  long columns = number(r, count);
  if (columns < 1 || columns > VALUES_MAX) return fail(r, table);
  for (long n = 1; n < columns; n++) strcat(places, ",?");
  snprintf(sql, sizeof sql, "%s INTO %s VALUES (%s)", verb, table, places);
  return sqlite3_prepare_v2(r->database, sql, -1, into, NULL) ? fail(r, sql) : 0;
}

/// Makes a statement with a query whose result is its text.
static int prepare_made(run *r, const char *query, sqlite3_stmt **into) {
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(r->database, query, -1, &s, NULL)) return fail(r, query);
  int code = sqlite3_step(s) == SQLITE_ROW
                 ? sqlite3_prepare_v2(r->database, (const char *)sqlite3_column_text(s, 0), -1, into, NULL)
                 : SQLITE_ERROR;
  sqlite3_finalize(s);
  return code ? fail(r, query) : 0;
}

/// An update of the columns that change in a row's life, as the event store's.
/// - `key`: the condition. `fixed`: a list of the other columns.
static int prepare_update(run *r, const char *table, const char *key, const char *fixed, sqlite3_stmt **into) {
  char query[1024];
  snprintf(query, sizeof query,
           "SELECT 'UPDATE %s SET ' || group_concat(name || ' = ?' || (cid + 1), ', ') || ' WHERE %s' FROM "
           "pragma_table_info('%s') WHERE pk = 0 AND name NOT IN (%s)",
           table, key, table, fixed);
  return prepare_made(r, query, into);
}

/// An insert that updates a row with the same key, as the event store's.
static int prepare_upsert(run *r, const char *table, const char *key, sqlite3_stmt **into) {
  char query[1024];
  snprintf(query, sizeof query,
           "SELECT 'INSERT INTO %s VALUES (' || group_concat('?' || (cid + 1), ', ') || ') ON CONFLICT (%s) DO "
           "UPDATE SET ' || group_concat(name || ' = excluded.' || name, ', ') FILTER (WHERE pk = 0) FROM "
           "pragma_table_info('%s')",
           table, key, table);
  return prepare_made(r, query, into);
}

static int prepare(run *r, sqlite3_stmt **all) {
  static const char *const fixed[STATEMENTS] = {
      [SELECT_STREAM] = "SELECT id, version FROM streams WHERE name = ?",
      [INSERT_STREAM] = "INSERT INTO streams(id, name, version) VALUES (?, ?, ?)",
      [UPDATE_STREAM] = "UPDATE streams SET version = ? WHERE id = ?",
      [SELECT_STAMP] = "SELECT 1 FROM delegations WHERE stamp = ?",
      [SELECT_KEY] = "SELECT delegation, body FROM idempotency WHERE key = ?",
      [PUT_DIGESTS] = "UPDATE view_digests SET position = ?1, digest = CASE view WHEN 'delegations' THEN ?2 "
                      "WHEN 'pull-requests' THEN ?3 WHEN 'workers' THEN ?4 WHEN 'repository-usage' THEN ?5 "
                      "WHEN 'usage' THEN ?6 ELSE ?7 END WHERE version = CASE view WHEN 'tasks' THEN 1 ELSE "
                      "version END",
      [BEGIN] = "BEGIN IMMEDIATE",
      [COMMIT] = "COMMIT",
  };
  for (int n = 0; n < STATEMENTS; n++)
    if (fixed[n] && sqlite3_prepare_v2(r->database, fixed[n], -1, &all[n], NULL)) return fail(r, fixed[n]);
  return prepare_insert(r, "events", "INSERT", &all[INSERT_EVENT]) ||
         prepare_insert(r, "payloads", "INSERT", &all[INSERT_PAYLOAD]) ||
         prepare_insert(r, "idempotency", "INSERT", &all[INSERT_KEY]) ||
         prepare_insert(r, "delegations", "INSERT", &all[INSERT_DELEGATION]) ||
         prepare_insert(r, "pull_requests", "INSERT", &all[INSERT_PULL_REQUEST]) ||
         prepare_insert(r, "tasks", "INSERT", &all[INSERT_TASK]) ||
         prepare_update(r, "delegations", "stream = ?1",
                        "'id', 'stamp', 'repository', 'branch', 'requester', 'priority', 'agent', 'workflow', "
                        "'digest', 'requested_at', 'follows'",
                        &all[UPDATE_DELEGATION]) ||
         prepare_update(r, "pull_requests", "repository = ?1 AND number = ?2", "''",
                        &all[UPDATE_PULL_REQUEST]) ||
         prepare_update(r, "tasks", "first = ?1", "'repository', 'requester'", &all[UPDATE_TASK]) ||
         prepare_upsert(r, "repository_usage", "repository, month", &all[PUT_REPOSITORY]) ||
         prepare_upsert(r, "usage", "day, repository, requester, agent", &all[PUT_USAGE]);
}

static int finish(run *r, sqlite3_stmt *s) {
  int code = sqlite3_step(s);
  sqlite3_reset(s);
  return code == SQLITE_DONE || code == SQLITE_ROW ? 0 : fail(r, sqlite3_sql(s));
}

static int put(run *r, sqlite3_stmt *s, const row *values) {
  int places = sqlite3_bind_parameter_count(s);
  for (int n = 0; n < values->count && n < places; n++) sqlite3_bind_value(s, n + 1, values->values[n]);
  return finish(r, s);
}

/// Puts values at the places of a statement that has gaps between them.
static int update(run *r, sqlite3_stmt *s, const row *values) {
  for (int n = 0; n < values->count; n++) sqlite3_bind_value(s, n + 1, values->values[n]);
  return finish(r, s);
}

// MARK: Hashes

static void begin_hash(run *r) { EVP_DigestInit_ex2(r->context, r->sha256, NULL); }

static void hash_value(run *r, sqlite3_value *value) {
  if (sqlite3_value_type(value) == SQLITE_INTEGER) {
    sqlite3_int64 n = sqlite3_value_int64(value);
    EVP_DigestUpdate(r->context, &n, sizeof n);
  } else {
    const void *bytes = sqlite3_value_blob(value);
    EVP_DigestUpdate(r->context, bytes, (size_t)sqlite3_value_bytes(value));
  }
}

static void hash_row(run *r, const row *values, unsigned char *into) {
  begin_hash(r);
  for (int n = 0; n < values->count; n++) hash_value(r, values->values[n]);
  EVP_DigestFinal_ex(r->context, into, NULL);
}

static void hash_event(run *r, const event *e) {
  unsigned char payload[32], leaf[32];
  if (e->payload.count) hash_row(r, &e->payload, payload);
  hash_row(r, &e->columns, leaf);
  begin_hash(r);
  EVP_DigestUpdate(r->context, r->chain, sizeof r->chain);
  EVP_DigestUpdate(r->context, leaf, sizeof leaf);
  EVP_DigestFinal_ex(r->context, r->chain, NULL);
}

// MARK: Appending

static int append(run *r, sqlite3_stmt **all, const source_log *log, const event *e) {
  unsigned char digest[32];
  const row *delegation = &log->delegations[e->stream_number];
  const row *pull_request = &log->pull_requests[e->stream_number];
  const row *key = &log->keys[e->stream_number];
  if (e->version == 1 && key->count) {
    sqlite3_bind_value(all[SELECT_KEY], 1, key->values[0]);
    if (finish(r, all[SELECT_KEY])) return -1;
  }
  sqlite3_bind_value(all[SELECT_STREAM], 1, e->stream);
  if (finish(r, all[SELECT_STREAM])) return -1;
  if (e->version == 1) {
    if (delegation->count) {
      sqlite3_bind_value(all[SELECT_STAMP], 1, delegation->values[2]);
      if (finish(r, all[SELECT_STAMP])) return -1;
    }
    sqlite3_bind_int64(all[INSERT_STREAM], 1, e->stream_number);
    sqlite3_bind_value(all[INSERT_STREAM], 2, e->stream);
    sqlite3_bind_int64(all[INSERT_STREAM], 3, e->version);
    if (finish(r, all[INSERT_STREAM])) return -1;
  } else {
    sqlite3_bind_int64(all[UPDATE_STREAM], 1, e->version);
    sqlite3_bind_int64(all[UPDATE_STREAM], 2, e->stream_number);
    if (finish(r, all[UPDATE_STREAM])) return -1;
  }
  hash_event(r, e);
  if (put(r, all[INSERT_EVENT], &e->columns)) return -1;
  if (e->payload.count && put(r, all[INSERT_PAYLOAD], &e->payload)) return -1;
  if (!delegation->count) return 0;
  hash_row(r, delegation, digest);
  if (e->version == 1 && key->count && put(r, all[INSERT_KEY], key)) return -1;
  if (e->version == 1 ? put(r, all[INSERT_DELEGATION], delegation)
                      : update(r, all[UPDATE_DELEGATION], delegation))
    return -1;
  // A pull request's row changes with each state from its creation on: half of the events.
  if (pull_request->count && e->version > 4 && e->type != GENERATED) {
    hash_row(r, pull_request, digest);
    if (e->type == PR_CREATED ? put(r, all[INSERT_PULL_REQUEST], pull_request)
                        : update(r, all[UPDATE_PULL_REQUEST], pull_request))
      return -1;
  }
  const row *task = &log->tasks[e->stream_number];
  if (task->count && e->type != BASE_RESOLVED) {
    hash_row(r, task, digest);
    if (e->version == 1 ? put(r, all[INSERT_TASK], task) : update(r, all[UPDATE_TASK], task)) return -1;
  }
  int is_end = e->type == PUSHED || e->type == FAILED || e->type == GENERATED || e->type == RELEASED;
  const row *repository = &log->repositories[e->stream_number], *usage = &log->usage[e->stream_number];
  if (repository->count && (is_end || e->type == DISPATCHED)) {
    hash_row(r, repository, digest);
    if (put(r, all[PUT_REPOSITORY], repository)) return -1;
  }
  if (!usage->count || !is_end) return 0;
  hash_row(r, usage, digest);
  return put(r, all[PUT_USAGE], usage);
}

static int put_digests(run *r, sqlite3_stmt *s, long position) {
  sqlite3_bind_int64(s, 1, position);
  for (int n = 2; n <= 7; n++) sqlite3_bind_blob(s, n, r->chain, sizeof r->chain, SQLITE_STATIC);
  return finish(r, s);
}

static int write_log(run *r, const source_log *log, int batch, double seconds) {
  sqlite3_stmt *all[STATEMENTS] = {0};
  int code = prepare(r, all);
  double begun = now();
  long at = 0;
  double used = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  while (!code && at < log->event_count && now() - begun < seconds) {
    code = finish(r, all[BEGIN]);
    for (int n = 0; !code && n < batch && at < log->event_count; n++, at++)
      code = append(r, all, log, &log->events[at]);
    if (!code) code = put_digests(r, all[PUT_DIGESTS], at);
    if (!code) code = finish(r, all[COMMIT]);
    r->result->commits++;
  }
  r->result->seconds = now() - begun;
  r->result->cpu_seconds = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - used;
  r->result->appends = at;
  for (int n = 0; n < STATEMENTS; n++) sqlite3_finalize(all[n]);
  return code;
}

int store_reference_run(const char *source, const char *target, int batch, double seconds,
                        store_reference_result *result) {
  memset(result, 0, sizeof *result);
  run r = {.result = result, .sha256 = EVP_MD_fetch(NULL, "SHA256", NULL), .context = EVP_MD_CTX_new()};
  source_log log = {0};
  int code = r.sha256 && r.context ? read_source(&r, source, &log) : fail(&r, "SHA-256");
  if (!code && sqlite3_open_v2(target, &r.database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL))
    code = fail(&r, target);
  if (!code && sqlite3_exec(r.database,
                            "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA "
                            "foreign_keys = ON; PRAGMA wal_autocheckpoint = 1000",
                            NULL, NULL, NULL))
    code = fail(&r, "pragmas");
  if (!code) code = write_log(&r, &log, batch, seconds);
  sqlite3_close_v2(r.database);
  free_source(&log);
  EVP_MD_CTX_free(r.context);
  EVP_MD_free(r.sha256);
  return code;
}

// MARK: Reading alone

static void hash_columns(run *r, sqlite3_stmt *s, int first, int end) {
  unsigned char digest[32];
  begin_hash(r);
  for (int n = first; n < end; n++) hash_value(r, sqlite3_column_value(s, n));
  EVP_DigestFinal_ex(r->context, digest, NULL);
  r->chain[0] ^= digest[0];
}

int store_reference_scan(const char *source, int hashes, store_reference_result *result) {
  memset(result, 0, sizeof *result);
  run r = {.result = result, .sha256 = EVP_MD_fetch(NULL, "SHA256", NULL), .context = EVP_MD_CTX_new()};
  const char *sql = hashes ? "SELECT e.*, p.salt, p.body FROM events e LEFT JOIN payloads p "
                             "USING (position) ORDER BY e.position"
                           : "SELECT * FROM events ORDER BY position";
  sqlite3_stmt *s = NULL;
  int code = r.sha256 && r.context ? 0 : fail(&r, "SHA-256");
  if (!code && sqlite3_open_v2(source, &r.database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL))
    code = fail(&r, source);
  if (!code && sqlite3_prepare_v2(r.database, sql, -1, &s, NULL)) code = fail(&r, sql);
  double begun = now();
  int columns = s ? sqlite3_column_count(s) : 0;
  while (!code && (code = sqlite3_step(s)) == SQLITE_ROW) {
    code = 0;
    result->appends++;
    if (hashes) {
      hash_columns(&r, s, 0, columns - 2);
      hash_columns(&r, s, columns - 2, columns);
      continue;
    }
    for (int n = 0; n < columns; n++) {
      if (sqlite3_column_type(s, n) == SQLITE_INTEGER) {
        r.chain[0] ^= (unsigned char)sqlite3_column_int64(s, n);
      } else {
        sqlite3_column_blob(s, n);
        r.chain[0] ^= (unsigned char)sqlite3_column_bytes(s, n);
      }
    }
  }
  result->seconds = now() - begun;
  if (code == SQLITE_DONE) code = 0;
  else if (!*result->error) code = fail(&r, sql);
  sqlite3_finalize(s);
  sqlite3_close_v2(r.database);
  EVP_MD_CTX_free(r.context);
  EVP_MD_free(r.sha256);
  return code;
}
