#pragma once
#include <sqlite3.h>

// SQLITE_TRANSIENT is a cast in a macro, which the importer cannot see.
static inline sqlite3_destructor_type cadenza_sqlite_transient(void) { return SQLITE_TRANSIENT; }
