#include <sqlite3.h>

/* sqlite3_db_config takes variadic arguments, which Swift cannot call. */

/* The last connection that closes does not fold the write-ahead log into the database. */
static inline int csqlite_no_checkpoint_on_close(sqlite3 *database) {
  return sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

/* Nothing reads SQLite's statistics of memory, and each allocation would take a lock for them, which
   all threads share (https://www.sqlite.org/c3ref/c_config_covering_index_scan.html#sqliteconfigmemstatus).
   Only the first call before any connection counts. */
static inline int csqlite_count_no_memory(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }
