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
    "s.heads, s.jcp_starts_min, s.jcp_ends_min, s.jcp_purpose, s.note_hints, s.early"
#define READ_SESSION_COLUMNS 16
void read_session(sqlite3_stmt *s, struct session_row *row);

/* FROM placement p LEFT JOIN participant q ON q.id = p.participant */
#define READ_PLACEMENT                                                                                                 \
    "p.id, p.participant, p.referral, p.ref, q.ref, q.name, p.host, p.role, p.basis, p.calendar, p.starts_on, "        \
    "p.ends_on, p.weekly_minutes, p.pattern, p.note, p.opportunity, p.job_search_minutes, p.sequence"
void read_placement(sqlite3_stmt *s, struct placement_row *row);

/* FROM referral r LEFT JOIN participant q ON q.id = r.participant */
#define READ_REFERRAL                                                                                                  \
    "r.id, r.participant, r.ref, q.ref, q.name, r.route, r.status, r.source, r.basis, r.received_on, r.status_on, "    \
    "r.weekly_minutes, r.from_centre, r.note"
void read_referral(sqlite3_stmt *s, struct referral_row *row);

#define READ_NOTICE                                                                                                    \
    "n.id, n.placement, n.served_on, n.deemed_received_on, n.served_by, n.says_what, n.says_when, n.says_where, "      \
    "n.says_mandatory, n.says_evidence, n.says_consequences"
void read_notice(sqlite3_stmt *s, struct notice_row *row);

struct log_row;
/* What the op itself says; the row is zeroed. */
void log_row_fill(struct log_row *row, const struct op *op);

/* FROM contract k */
#define READ_CONTRACT                                                                                                  \
    "k.id, k.ref, k.prime, k.form, k.route, k.unit, k.starts_on, k.ends_on, k.units, k.price_pence, "                  \
    "k.share_permille, k.cost_pence, k.fixed_cost_pence"
void read_contract(sqlite3_stmt *s, struct contract_row *row);

/* FROM claim c LEFT JOIN contract k ON k.id = c.contract LEFT JOIN placement p ON p.id = c.placement */
#define READ_CLAIM                                                                                                     \
    "c.id, c.contract, c.placement, k.ref, p.ref, c.payment_trigger, c.reason, c.invoice, c.amount_pence, "            \
    "c.paid_pence, c.claimed_on, c.paid_on, c.refused_on"
void read_claim(sqlite3_stmt *s, struct claim_row *row);

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
typedef void (*row_reader)(sqlite3_stmt *s, void *row);
/* Steps to the end or to `limit` rows; *ret_more when there is one more. Releases the rows on failure. */
MUST_USE enum err_code rows_collect(struct store *store, sqlite3_stmt *s, struct row_array *array, size_t limit,
                                    row_reader read, bool *ret_more, struct error *err);
void row_array_fini(struct row_array *array);
/* Steps to the end with one row of `size` bytes in memory, zeroed before each `read`, and resets `s`. */
MUST_USE enum err_code rows_each(struct store *store, sqlite3_stmt *s, size_t size, row_reader read, row_taker take,
                                 void *context, struct error *err);

/* Steps `s` to its end, giving `read` a fresh row each time. */
MUST_USE enum err_code row_array_read(struct store *store, sqlite3_stmt *s, struct row_array *array, row_reader read,
                                      struct error *err);

/* Of what there is any of a person: the rest is not asked for. */
struct person_has {
    bool decisions;
    bool changes;
    bool volunteers;
    bool breaks;
    bool milestones;
    bool claims;
    bool searches;
    bool contracts; /* of anybody */
};

/* ---- facts_sessions.c ---- */

/* Rows of struct session_row, by day and slot up to the end of this week, then those after it; and when the person of a
 * mandatory placement came. `facts` has the placement. */
MUST_USE enum err_code placement_sessions_read(struct store *store, int32_t today, bool shifts,
                                               struct row_array *sessions, struct placement_facts *facts,
                                               struct error *err);

/* ---- facts_place.c ---- */

struct placement_place {
    struct row_array searches;
    struct row_array changes;
};

void placement_place_init(struct placement_place *place);
void placement_place_fini(struct placement_place *place);
MUST_USE enum err_code placement_place_read(struct store *store, const struct placement_row *placement,
                                            const struct person_has *has, struct placement_place *place,
                                            struct error *err);
/* Borrows from `place`. */
void placement_place_put(const struct placement_place *place, struct placement_facts *facts);

/* Fills rows of struct crowd_row. */
MUST_USE enum err_code site_crowds_read(struct store *store, int32_t today, struct row_array *crowds,
                                        struct error *err);
MUST_USE enum err_code site_heard_read(struct store *store, int32_t *ret_day, struct error *err);

/* ---- facts_money.c ---- */

struct placement_money {
    struct row_array breaks;
    struct row_array claims;
    struct row_array milestones;
    struct contract_row contract;
    bool paid; /* the contract is there */
};

void placement_money_init(struct placement_money *money);
void placement_money_fini(struct placement_money *money);
MUST_USE enum err_code placement_money_read(struct store *store, const struct placement_row *placement,
                                            const struct person_has *has, struct placement_money *money,
                                            struct error *err);
/* Borrows from `money`. */
void placement_money_put(const struct placement_money *money, struct placement_facts *facts);

/* Fills rows of struct contract_stand and struct claim_row. */
MUST_USE enum err_code site_money_read(struct store *store, int32_t today, struct row_array *stands,
                                       struct row_array *claims, struct error *err);

#endif
