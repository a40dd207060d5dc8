#pragma once
#include <libpq-fe.h>
#include <string.h>

struct ssl_st;
int SSL_pending(const struct ssl_st *);

/// Bytes that OpenSSL has decrypted and libpq has not fetched: the socket will not become readable for them.
static inline int cadenza_pq_pending_bytes(PGconn *connection) {
    struct ssl_st *session = (struct ssl_st *)PQsslStruct(connection, "OpenSSL");
    return session ? SSL_pending(session) : 0;
}

/// Keeps the SQLSTATE of the farewell that a server sends unasked; other notices go nowhere. libpq would print them.
static void cadenza_pq_keep_farewell(void *state, const PGresult *notice) {
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *code = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
    if (severity && code && (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC")) && strlen(code) == 5) {
        memcpy(state, code, 6);
    }
}

/// - `state`: room for six characters that lives as long as the connection.
static inline void cadenza_pq_set_notices(PGconn *connection, char *state) {
    PQsetNoticeReceiver(connection, cadenza_pq_keep_farewell, state);
}

/// A field of an error: no field whose content a statement's arguments decide is among them.
static inline const char *cadenza_pq_sqlstate(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SQLSTATE);
}
static inline const char *cadenza_pq_severity(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
}
static inline const char *cadenza_pq_message(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
}
static inline const char *cadenza_pq_constraint(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
}
static inline const char *cadenza_pq_table(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_TABLE_NAME);
}
static inline const char *cadenza_pq_column(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_COLUMN_NAME);
}
static inline const char *cadenza_pq_function(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
}
