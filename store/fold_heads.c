/*
 * The assertions of a session that stand: those that no other supersedes. Nobody supersedes what is not written yet:
 * who has seen an assertion has a logical time after its own, so one that names a number to come, before it is given,
 * leaves what comes under it a head. Two that are one statement (said_again.h) are one here too: what supersedes one of
 * them supersedes both.
 */
#include <stdlib.h>
#include <string.h>

#include "store/fold_parts.h"
#include "store/said_again.h"

struct assertion {
    struct head head;
    int64_t op;
    int64_t repeats; /* the op whose statement it is; 0: its own */
    bool superseded;
    int64_t held_repeats; /* as the row has it */
    bool held_head;
};

static bool head_newer(const struct head *a, const struct head *b)
{
    return a->hlc != b->hlc ? a->hlc > b->hlc : op_id_compare(&a->id, &b->id) > 0;
}

/* What an erased one said is not known any more: it agrees with no other. */
static bool head_same(const struct head *a, const struct head *b)
{
    return a->outcome != OUTCOME_NONE && a->outcome == b->outcome && a->minutes == b->minutes &&
           strcmp(a->reason, b->reason) == 0;
}

static void heads_add(struct heads *heads, const struct head *head)
{
    heads->said_min = heads->said_min > head->said_min ? heads->said_min : head->said_min;
    if (heads->count++ == 0 || head_newer(head, &heads->newest)) {
        heads->newest = *head;
    }
    for (size_t i = 0; i < heads->different; i++) {
        if (head_same(&heads->seen[i], head)) {
            return;
        }
    }
    if (heads->different < HEADS_MAX) {
        heads->seen[heads->different++] = *head;
    }
}

/* ---- reading them ---- */

static struct assertion assertion_of_row(sqlite3_stmt *s)
{
    struct assertion one = { .op = column_int(s, 0),
                             .head = { .outcome = (enum outcome)column_int(s, 1),
                                       .minutes = (int)column_int_or(s, 2, ROW_NONE),
                                       .note_hints = column_int(s, 9) != 0,
                                       .said_min = outcome_is_seen((int)column_int(s, 1))
                                                       ? column_int_or(s, 11, SAID_MIN_NONE)
                                                       : SAID_MIN_NONE,
                                       .hlc = (uint64_t)column_int(s, 4) },
                             .held_head = column_int(s, 7) != 0,
                             .superseded = column_int(s, 8) != 0,
                             .held_repeats = column_int_or(s, 10, 0) };
    column_text(s, 3, one.head.reason, sizeof(one.head.reason));
    (void)column_fixed(s, 5, one.head.id.device, DEVICE_ID_BYTES);
    one.head.id.incarnation = (uint32_t)column_int(s, 6);
    one.head.id.seq = op_key_seq(one.op);
    return one;
}

static enum err_code read_assertions(struct store *store, const struct session_key *key, struct buf *out,
                                     struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT a.op, a.outcome, a.minutes, a.reason, a.hlc, w.device, w.incarnation, a.head, "
                     "EXISTS (SELECT 1 FROM attendance_supersedes x JOIN attendance b ON b.placement = x.placement "
                     "AND b.day = x.day AND b.slot = x.slot AND b.op = x.by_op WHERE x.placement = a.placement AND "
                     "x.day = a.day AND x.slot = a.slot AND x.device = w.device AND x.incarnation = w.incarnation "
                     "AND x.seq = (a.op & 1099511627775) AND b.hlc > a.hlc), a.note_hints, a.repeats, a.said_min "
                     "FROM attendance a JOIN author w ON w.id = (a.op >> 40) "
                     "WHERE a.placement = ?1 AND a.day = ?2 AND a.slot = ?3",
                     &s, err));
    session_bind(s, key);
    for (int64_t count = 0;; count++) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            fold_assertions_seen(store, count);
            return ERR_OK;
        }
        const struct assertion one = assertion_of_row(s);
        TRY(buf_append(out, &one, sizeof(one), err));
    }
}

/* ---- what is one statement ---- */

static int by_moment(const void *a, const void *b)
{
    const struct assertion *x = a;
    const struct assertion *y = b;
    int order = (x->head.hlc > y->head.hlc) - (x->head.hlc < y->head.hlc);
    return order != 0 ? order : op_id_compare(&x->head.id, &y->head.id);
}

static bool one_moment(const struct assertion *a, const struct assertion *b)
{
    return a->head.hlc == b->head.hlc && memcmp(a->head.id.device, b->head.id.device, DEVICE_ID_BYTES) == 0;
}

static struct assertion *with_op(struct assertion *assertions, size_t count, int64_t op)
{
    for (size_t i = 0; i < count; i++) {
        if (assertions[i].op == op) {
            return &assertions[i];
        }
    }
    return NULL;
}

/* Of one device and one moment. */
static enum err_code join_moment(struct store *store, struct assertion *assertions, size_t count, struct error *err)
{
    struct statement *statements = calloc(count, sizeof(*statements));
    if (statements == NULL) {
        return FAIL(err, NO_MEMORY, "compare what was said of a session");
    }
    for (size_t i = 0; i < count; i++) {
        statements[i].key = assertions[i].op;
    }
    enum err_code rc = statements_join(store, statements, count, err);
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        if (statements[i].first != 0) {
            struct assertion *one = with_op(assertions, count, statements[i].key);
            struct assertion *first = with_op(assertions, count, statements[i].first);
            one->repeats = first->op;
            first->superseded |= one->superseded;
        }
    }
    free(statements);
    return rc;
}

static enum err_code join_repeats(struct store *store, struct assertion *assertions, size_t count, struct error *err)
{
    if (count > 1) {
        qsort(assertions, count, sizeof(*assertions), by_moment);
    }
    for (size_t from = 0, to; from < count; from = to) {
        to = from + 1;
        while (to < count && one_moment(&assertions[from], &assertions[to])) {
            to++;
        }
        if (to - from > 1) {
            TRY(join_moment(store, &assertions[from], to - from, err));
        }
    }
    return ERR_OK;
}

/* ---- the rows follow, for lists of both sides of a dispute ---- */

static bool is_head(const struct assertion *one)
{
    return one->repeats == 0 && !one->superseded;
}

static enum err_code mark(struct store *store, const struct session_key *key, const struct assertion *one,
                          struct error *err)
{
    sqlite3_stmt *s;
    if (one->held_head == is_head(one) && one->held_repeats == one->repeats) {
        return ERR_OK;
    }
    TRY(db_statement(&store->db,
                     "UPDATE attendance SET head = ?5, repeats = nullif(?6, 0) WHERE placement = ?1 AND day = ?2 "
                     "AND slot = ?3 AND op = ?4",
                     &s, err));
    session_bind(s, key);
    bind_int(s, 4, one->op);
    bind_int(s, 5, is_head(one));
    bind_int(s, 6, one->repeats);
    return db_run(&store->db, s, err);
}

enum err_code heads_read(struct store *store, const struct session_key *key, struct heads *ret_heads, struct error *err)
{
    SCOPED(buf_fini) struct buf found;
    buf_init(&found, SIZE_MAX / 2);
    TRY(read_assertions(store, key, &found, err));
    struct assertion *assertions = (struct assertion *)(void *)found.data;
    size_t count = found.len / sizeof(*assertions);
    TRY(join_repeats(store, assertions, count, err));
    ret_heads->count = 0;
    ret_heads->different = 0;
    ret_heads->said_min = INT64_MIN;
    ret_heads->newest = (struct head){ 0 };
    for (size_t i = 0; i < count; i++) {
        if (is_head(&assertions[i])) {
            heads_add(ret_heads, &assertions[i].head);
        }
        TRY(mark(store, key, &assertions[i], err));
    }
    return ERR_OK;
}
