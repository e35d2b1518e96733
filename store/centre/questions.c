#include "store/centre/questions.h"

#include "store/centre/tables.h"

/* ---- keeping ---- */

static enum err_code kept_count(struct centre_store *store, int64_t device, int64_t *ret_count, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT count(*) FROM bundle_question WHERE device = ?1", &s, err));
    bind_int(s, 1, device);
    TRY(db_step(&store->db, s, &row, err));
    *ret_count = column_int(s, 0);
    sqlite3_reset(s);
    return ERR_OK;
}

/* Not by which was made first: that is by a clock that may have been wrong, and by a copy that may have been put back.
 */
static enum err_code keep(struct centre_store *store, int64_t device, int64_t made_at_ms,
                          const struct centre_question *question, struct error *err)
{
    sqlite3_stmt *s;
    int64_t count;
    TRY(db_statement(&store->db, "DELETE FROM bundle_question WHERE device = ?1 AND made_at <> ?2", &s, err));
    bind_int(s, 1, device);
    bind_int(s, 2, made_at_ms);
    TRY(db_run(&store->db, s, err));
    TRY(kept_count(store, device, &count, err));
    if (count >= CENTRE_QUESTIONS_MAX) {
        return FAIL(err, LIMIT, "keep what a bundle asks: of more than %d incarnations", CENTRE_QUESTIONS_MAX);
    }
    TRY(db_statement(&store->db, "INSERT OR REPLACE INTO bundle_question VALUES (?1, ?2, ?3, ?4)", &s, err));
    bind_int(s, 1, device);
    bind_int(s, 2, question->incarnation);
    bind_int(s, 3, made_at_ms);
    bind_slice(s, 4, question->bytes);
    return db_run(&store->db, s, err);
}

enum err_code centre_question_keep(struct centre_store *store, int64_t device, int64_t made_at_ms,
                                   const struct centre_question *question, struct error *err)
{
    if (question->bytes.len > CENTRE_QUESTION_BYTES_MAX) {
        return FAIL(err, LIMIT, "keep what a bundle asks: %zu bytes, %d are possible", question->bytes.len,
                    CENTRE_QUESTION_BYTES_MAX);
    }
    TRY(db_begin(&store->db, err));
    return db_end(&store->db, keep(store, device, made_at_ms, question, err), err);
}

/* ---- reading ---- */

enum err_code centre_questions(struct centre_store *store, int64_t device,
                               enum err_code (*each)(void *context, const struct centre_question *question,
                                                     struct error *err),
                               void *context, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT incarnation, question FROM bundle_question WHERE device = ?1 ORDER BY incarnation", &s,
                     err));
    bind_int(s, 1, device);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        struct centre_question question = { .incarnation = (uint32_t)column_int(s, 0), .bytes = column_slice(s, 1) };
        enum err_code rc = each(context, &question, err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

enum err_code centre_device_chains(struct centre_store *store, const struct centre_device *device,
                                   enum err_code (*each)(void *context, uint32_t incarnation, uint64_t seq,
                                                         struct error *err),
                                   void *context, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT incarnation, newest_seq FROM author WHERE site = ?1 AND device = ?2 ORDER BY id DESC "
                     "LIMIT ?3",
                     &s, err));
    bind_int(s, 1, device->site.id);
    bind_blob(s, 2, device->device, DEVICE_ID_BYTES);
    bind_int(s, 3, CENTRE_QUESTIONS_MAX);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        enum err_code rc = each(context, (uint32_t)column_int(s, 0), (uint64_t)column_int(s, 1), err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

enum err_code centre_device_certificate(struct centre_store *store, int64_t device, struct buf *out, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT certificate FROM device WHERE id = ?1", &s, err));
    bind_int(s, 1, device);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find the device's certificate");
    }
    struct slice certificate = column_slice(s, 0);
    enum err_code rc = buf_append(out, certificate.data, certificate.len, err);
    sqlite3_reset(s);
    return rc;
}
