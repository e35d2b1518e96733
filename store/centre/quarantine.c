/*
 * What is taken and what is kept aside: judged when it comes, and again by a later version or because an operator asks.
 */
#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"

enum err_code centre_op_judge(struct centre_store *store, const struct centre_site *site, const struct op *op,
                              enum record_writer writer, struct centre_verdict *ret_verdict, struct error *err)
{
    struct centre_verdict verdict;
    verdict.admitted = record_admit(op, writer, &verdict.reason);
    if (verdict.admitted == ERR_NO_MEMORY) {
        return FAIL(err, NO_MEMORY, "look at a record"); /* it is not the record's fault */
    }
    if (verdict.admitted == ERR_OK && op->kind == KIND_ERASURE) {
        TRY(centre_erasure_admit(store, site, op, writer, &verdict.admitted, &verdict.reason, err));
    }
    if (verdict.admitted != ERR_OK && strlen(verdict.reason.message) >= CENTRE_REASON_SIZE) {
        memcpy(verdict.reason.message + CENTRE_REASON_SIZE - 4, "...", 4);
    }
    *ret_verdict = verdict;
    return ERR_OK;
}

/* A kind of a later version is no offence: it is kept and passed on for those who know it. */
const char *centre_kept_aside(const struct centre_verdict *verdict)
{
    return verdict->admitted == ERR_OK || verdict->admitted == ERR_UNSUPPORTED ? NULL : verdict->reason.message;
}

/* ---- again ---- */

struct judging {
    struct centre_store *store;
    const struct centre_site *site;
    struct buf rows; /* int64_t, of what is kept aside */
    struct error *err;
};

static void judging_fini(struct judging *j)
{
    buf_fini(&j->rows);
}

static enum err_code collect_aside(struct judging *j)
{
    sqlite3_stmt *s;
    TRY(op_rows_of(j->store,
                   "SELECT id FROM op INDEXED BY op_quarantined WHERE quarantine IS NOT NULL AND id > ?1 AND id < ?2 "
                   "ORDER BY id",
                   j->site->id, &s, j->err));
    for (;;) {
        bool row;
        TRY(db_step(&j->store->db, s, &row, j->err));
        if (!row) {
            return ERR_OK;
        }
        int64_t id = column_int(s, 0);
        enum err_code rc = buf_append(&j->rows, &id, sizeof(id), j->err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

/* `s` stands on the op's row, from which it borrows. */
static enum err_code judge_row(struct judging *j, sqlite3_stmt *s, struct centre_verdict *verdict)
{
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    struct erasure erasure;
    bool salted;
    enum record_writer writer = (enum record_writer)column_int(s, 8);
    TRY(op_read(s, &op, supersedes, &salted, j->err));
    TRY(centre_op_judge(j->store, j->site, &op, writer, verdict, j->err));
    if (op.kind != KIND_ERASURE || verdict->admitted != ERR_OK) {
        return ERR_OK;
    }
    TRY(erasure_read(&op, writer, &erasure, j->err));
    return centre_erasure_keep(j->store, j->site->id, column_int(s, 0), &erasure, j->err);
}

static enum err_code set_reason(struct judging *j, int64_t id, const char *reason)
{
    sqlite3_stmt *s;
    TRY(db_statement(&j->store->db, "UPDATE op SET quarantine = ?2 WHERE id = ?1", &s, j->err));
    bind_int(s, 1, id);
    if (reason != NULL) {
        bind_text(s, 2, reason);
    } else {
        bind_null(s, 2);
    }
    return db_run(&j->store->db, s, j->err);
}

static enum err_code judge_one(struct judging *j, int64_t id, struct centre_judged *judged)
{
    sqlite3_stmt *s;
    bool row;
    struct centre_verdict verdict;
    TRY(db_statement(&j->store->db, "SELECT " OP_COLUMNS " FROM op o WHERE o.id = ?1", &s, j->err));
    bind_int(s, 1, id);
    TRY(db_step(&j->store->db, s, &row, j->err));
    CHECK(row);
    enum err_code rc = judge_row(j, s, &verdict);
    sqlite3_reset(s);
    TRY(rc);
    const char *reason = centre_kept_aside(&verdict);
    judged->released += reason == NULL;
    judged->still += reason != NULL;
    return set_reason(j, id, reason);
}

enum err_code centre_judge_row(struct centre_store *store, const struct centre_site *site, int64_t id,
                               struct centre_judged *judged, struct error *err)
{
    struct judging j = { .store = store, .site = site, .err = err };
    return judge_one(&j, id, judged);
}

static enum err_code judge_site(struct centre_store *store, const struct centre_site *site,
                                struct centre_judged *judged, struct error *err)
{
    SCOPED(judging_fini) struct judging j = { .store = store, .site = site, .err = err };
    buf_init(&j.rows, SIZE_MAX / 2);
    TRY(collect_aside(&j));
    for (size_t at = 0; at < j.rows.len; at += sizeof(int64_t)) {
        int64_t id;
        memcpy(&id, j.rows.data + at, sizeof(id));
        TRY(judge_one(&j, id, judged));
    }
    return ERR_OK;
}

enum err_code centre_judge_sites(struct centre_store *store, struct centre_judged *judged, struct error *err)
{
    struct centre_site *sites = NULL;
    size_t count = 0;
    TRY(centre_sites(store, &sites, &count, err));
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        rc = judge_site(store, &sites[i], judged, err);
    }
    free(sites);
    return rc;
}

void centre_judged_tell(struct centre_store *store, const struct centre_judged *judged)
{
    store->news += judged->released > 0;
    store->lifted += judged->released > 0;
}

enum err_code centre_judge_again(struct centre_store *store, struct centre_judged *ret_judged, struct error *err)
{
    struct centre_judged judged = { 0 };
    TRY(db_begin(&store->db, err));
    TRY(db_end(&store->db, centre_judge_sites(store, &judged, err), err));
    centre_judged_tell(store, &judged);
    centre_erase_begin(store);
    *ret_judged = judged;
    return ERR_OK;
}
