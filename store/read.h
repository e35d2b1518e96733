/*
 * store/read - rows of the tables as the structs of store/rows.h. For the files of store/ only.
 *
 * Each READ_x lists the columns that read_x takes, from column 0.
 */
#ifndef STORE_READ_H
#define STORE_READ_H

#include "store/replica.h"

#define READ_SESSION                                                                                                   \
    "s.placement, s.day, s.slot, s.starts_min, s.ends_min, s.expected, s.standing, s.outcome, s.minutes, s.reason, "   \
    "s.heads, s.jcp_starts_min, s.jcp_ends_min, s.jcp_purpose"
#define READ_SESSION_COLUMNS 14
void read_session(sqlite3_stmt *s, struct session_row *row);

/* FROM placement p LEFT JOIN participant q ON q.id = p.participant */
#define READ_PLACEMENT                                                                                                 \
    "p.id, p.participant, p.referral, p.ref, q.ref, q.name, p.host, p.role, p.basis, p.calendar, p.starts_on, "        \
    "p.ends_on, p.weekly_minutes, p.pattern, p.note"
void read_placement(sqlite3_stmt *s, struct placement_row *row);

/* FROM referral r LEFT JOIN participant q ON q.id = r.participant */
#define READ_REFERRAL                                                                                                  \
    "r.id, r.participant, r.ref, q.ref, q.name, r.route, r.status, r.source, r.basis, r.received_on, r.status_on, "    \
    "r.weekly_minutes, r.from_centre, r.note"
void read_referral(sqlite3_stmt *s, struct referral_row *row);

struct log_row;
/* What the op itself says; the row is zeroed. */
void log_row_fill(struct log_row *row, const struct op *op);

enum basis read_basis(sqlite3_stmt *s, int at);

/* Rows of any one type, growing; *rows is malloc'd. */
struct row_array {
    void *rows;
    size_t count;
    size_t capacity;
    size_t size; /* of one row */
};

/* The next row to fill, zeroed. ERR_LIMIT past QUERY_LIMIT_MAX. */
MUST_USE enum err_code row_array_next(struct row_array *array, void **ret_row, struct error *err);
void row_array_fini(struct row_array *array);

#endif
