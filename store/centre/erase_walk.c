/*
 * The walk of erasures over a site's log: takes the bodies that were held when they came.
 *
 *     erasures that are not through ──► slice: batch after batch of rows ──► walked: how far; NULL at the end of the
 * log ▲                                    │ └──── the next one, after a stop too ┘
 */
#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"

static int subject_compare(const void *a, const void *b)
{
    const struct erasure *left = a;
    const struct erasure *right = b;
    return memcmp(left->subject, right->subject, OP_ENTITY_BYTES);
}

static bool any_covers(const struct erasure *erasures, size_t count, const struct op *op, enum record_writer writer)
{
    struct erasure key;
    memcpy(key.subject, op->subject, OP_ENTITY_BYTES);
    const struct erasure *found = bsearch(&key, erasures, count, sizeof(*erasures), subject_compare);
    if (found == NULL) {
        return false;
    }
    while (found > erasures && subject_compare(found - 1, &key) == 0) {
        found--;
    }
    for (; found < erasures + count && subject_compare(found, &key) == 0; found++) {
        if (erasure_covers(found, op, writer)) {
            return true;
        }
    }
    return false;
}

/* The site whose turn it is, and all of its erasures that are not through: who is further looks again at what it saw.
 */
struct walk {
    struct centre_store *store;
    int64_t site;  /* 0: nothing is left to be done */
    int64_t after; /* the row of op up to which it has come */
    struct centre_judged judged;
    struct buf erasures; /* struct erasure */
    bool ended;
    struct error *err;
};

static void walk_fini(struct walk *w)
{
    buf_fini(&w->erasures);
}

/* The first site after this one that has erasures that are not through. */
static enum err_code next_site(struct walk *w, int64_t after)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&w->store->db, "SELECT site, walked FROM erasure WHERE walked >= ?1 ORDER BY walked LIMIT 1", &s,
                     w->err));
    bind_int(s, 1, op_row_id(after + 1, 0));
    TRY(db_step(&w->store->db, s, &row, w->err));
    if (row) {
        w->site = column_int(s, 0);
        w->after = column_int(s, 1);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

/* Sites take turns, so that one that cannot be walked does not hold up the others. */
static enum err_code choose_site(struct walk *w)
{
    TRY(next_site(w, w->store->walked_last));
    if (w->site == 0) {
        TRY(next_site(w, 0));
    }
    w->store->walked_last = w->site;
    return ERR_OK;
}

static enum err_code read_erasures(struct walk *w)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&w->store->db,
                     "SELECT subject, kind, writer, hlc, device, incarnation, seq FROM erasure "
                     "WHERE walked > ?1 AND walked < ?2",
                     &s, w->err));
    bind_int(s, 1, op_row_id(w->site, 0) - 1);
    bind_int(s, 2, op_row_id(w->site + 1, 0));
    for (;;) {
        struct erasure erasure;
        TRY(db_step(&w->store->db, s, &row, w->err));
        if (!row) {
            qsort(w->erasures.data, w->erasures.len / sizeof(erasure), sizeof(erasure), subject_compare);
            return ERR_OK;
        }
        erasure_of_row(s, &erasure);
        enum err_code rc = buf_append(&w->erasures, &erasure, sizeof(erasure), w->err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

struct covered_row {
    int64_t id;
    int64_t author;
    uint64_t seq;
    bool aside;
};

/* The row of `s`: id, author, seq, writer, header. */
static enum err_code is_covered(const struct walk *w, sqlite3_stmt *s, bool *ret_covered)
{
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    TRY(op_header_decode(column_slice(s, 4), &op, supersedes, w->err));
    *ret_covered = any_covers((const struct erasure *)(const void *)w->erasures.data,
                              w->erasures.len / sizeof(struct erasure), &op, (enum record_writer)column_int(s, 3));
    return ERR_OK;
}

/* Looks at the next rows; *ret_count are covered. */
static enum err_code walk_batch(struct walk *w, struct covered_row rows[ERASE_BATCH_ROWS], size_t *ret_count)
{
    sqlite3_stmt *s;
    size_t count = 0;
    size_t seen;
    TRY(db_statement(
        &w->store->db,
        "SELECT id, author, seq, writer, header, kind <> 10 AND body IS NOT NULL, quarantine IS NOT NULL FROM op "
        "WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3",
        &s, w->err));
    bind_int(s, 1, w->after);
    bind_int(s, 2, op_row_id(w->site + 1, 0));
    bind_int(s, 3, (int64_t)w->store->batch_rows);
    for (seen = 0;; seen++) {
        bool row;
        bool covered = false;
        TRY(db_step(&w->store->db, s, &row, w->err));
        if (!row) {
            break;
        }
        w->after = column_int(s, 0);
        enum err_code rc = column_int(s, 5) != 0 ? is_covered(w, s, &covered) : ERR_OK;
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
        if (covered) {
            rows[count++] =
                (struct covered_row){ w->after, column_int(s, 1), (uint64_t)column_int(s, 2), column_int(s, 6) != 0 };
        }
    }
    w->ended = seen < w->store->batch_rows;
    *ret_count = count;
    return ERR_OK;
}

static enum err_code take_body(struct walk *w, const struct covered_row *row)
{
    sqlite3_stmt *s;
    TRY(db_statement(&w->store->db, "UPDATE op SET body = NULL, salt = NULL WHERE id = ?1", &s, w->err));
    bind_int(s, 1, row->id);
    TRY(db_run(&w->store->db, s, w->err));
    w->store->erased = true;
    TRY(centre_salts_spread(w->store, row->author, op_salt_block(row->seq), w->err));
    /* what was set aside for its content is no longer, as on every replica */
    const struct centre_site site = { .id = w->site };
    return row->aside ? centre_judge_row(w->store, &site, row->id, &w->judged, w->err) : ERR_OK;
}

/* Who was behind has come as far; at the end all of the site's are through. */
static enum err_code walk_save(struct walk *w)
{
    sqlite3_stmt *s;
    TRY(db_statement(&w->store->db,
                     "UPDATE erasure SET walked = iif(?4, NULL, max(walked, ?3)) WHERE walked > ?1 AND walked < ?2", &s,
                     w->err));
    bind_int(s, 1, op_row_id(w->site, 0) - 1);
    bind_int(s, 2, op_row_id(w->site + 1, 0));
    bind_int(s, 3, w->after);
    bind_int(s, 4, w->ended);
    return db_run(&w->store->db, s, w->err);
}

static enum err_code walk_on(struct walk *w)
{
    size_t rows_seen = 0;
    TRY(choose_site(w));
    if (w->site == 0) {
        return ERR_OK;
    }
    TRY(read_erasures(w));
    size_t erasures = w->erasures.len / sizeof(struct erasure); /* each is read and written once a slice */
    size_t rows_due = erasures > w->store->slice_rows ? erasures : w->store->slice_rows;
    do {
        struct covered_row rows[ERASE_BATCH_ROWS];
        size_t count;
        TRY(walk_batch(w, rows, &count));
        for (size_t i = 0; i < count; i++) {
            TRY(take_body(w, &rows[i]));
        }
        rows_seen += w->store->batch_rows;
    } while (!w->ended && rows_seen < rows_due);
    return walk_save(w);
}

bool centre_erase_due(const struct centre_store *store)
{
    return store->erase_due;
}

enum err_code centre_erase_slice(struct centre_store *store, struct error *err)
{
    SCOPED(walk_fini) struct walk w = { .store = store, .err = err };
    buf_init(&w.erasures, SIZE_MAX / 2);
    TRY(db_begin(&store->db, err));
    enum err_code rc = db_end(&store->db, walk_on(&w), err);
    centre_erased_forget(store);
    if (rc == ERR_OK) {
        centre_judged_tell(store, &w.judged);
        store->erase_due = w.site != 0; /* another site's may be next */
    }
    return rc;
}

void centre_erase_begin(struct centre_store *store)
{
    if (!store->erase_due) {
        centre_erased_forget(store);
    } else {
        (void)!centre_erase_slice(store, NULL); /* it stays due: whoever goes on with it is told */
    }
}

/* The database's own pages are overwritten where something is deleted (secure_delete). */
void centre_erased_forget(struct centre_store *store)
{
    if (store->erased) {
        store->erased = db_empty_log(&store->db, NULL) != ERR_OK;
    }
}
