#include <sqlite3.h>

/* sqlite3_db_config takes variadic arguments, which Swift cannot call. */

/* The last connection that closes does not fold the write-ahead log into the database. */
static inline int csqlite_no_checkpoint_on_close(sqlite3 *database) {
  return sqlite3_db_config(database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}
