/*
 * Authors, positions and rows of the log: what append, write, page and verify share.
 */
#include <string.h>

#include "store/centre/tables.h"

int64_t op_row_id(int64_t site, uint64_t position)
{
    CHECK(position < UINT64_C(1) << POSITION_BITS);
    return site << POSITION_BITS | (int64_t)position;
}

uint64_t op_row_position(int64_t id)
{
    return (uint64_t)id & ((UINT64_C(1) << POSITION_BITS) - 1);
}

/* ---- authors ---- */

enum err_code author_find(struct centre_store *store, const struct centre_site *site,
                          const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation, struct centre_author *ret_author,
                          struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    struct centre_author author = { .site = site->id, .incarnation = incarnation };
    memcpy(author.device, device, DEVICE_ID_BYTES);
    TRY(db_statement(&store->db,
                     "SELECT id, writer, newest_seq, newest_link FROM author "
                     "WHERE site = ?1 AND device = ?2 AND incarnation = ?3",
                     &s, err));
    bind_int(s, 1, site->id);
    bind_blob(s, 2, device, DEVICE_ID_BYTES);
    bind_int(s, 3, incarnation);
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        author.id = column_int(s, 0);
        author.writer = (enum record_writer)column_int(s, 1);
        author.newest_seq = (uint64_t)column_int(s, 2);
        (void)column_fixed(s, 3, author.newest_link, SHA256_BYTES);
        sqlite3_reset(s);
    } else {
        op_link_first(site->stream, device, incarnation, author.newest_link);
    }
    *ret_author = author;
    return ERR_OK;
}

static enum err_code refuse_many(struct centre_store *store, const struct centre_author *author, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT count(*) FROM author WHERE site = ?1 AND device = ?2", &s, err));
    bind_int(s, 1, author->site);
    bind_blob(s, 2, author->device, DEVICE_ID_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    int64_t count = column_int(s, 0);
    sqlite3_reset(s);
    return count < CENTRE_INCARNATIONS_MAX
               ? ERR_OK
               : FAIL(err, REFUSED, "take records: this device has begun %d incarnations; enrol it anew with a new key",
                      CENTRE_INCARNATIONS_MAX);
}

static enum err_code author_add(struct centre_store *store, struct centre_author *author, struct slice certificate,
                                struct error *err)
{
    sqlite3_stmt *s;
    if (author->writer != WRITER_CENTRE) {
        TRY(refuse_many(store, author, err));
    }
    TRY(db_statement(&store->db,
                     "INSERT INTO author (site, device, incarnation, writer, certificate, newest_seq, newest_link) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                     &s, err));
    bind_int(s, 1, author->site);
    bind_blob(s, 2, author->device, DEVICE_ID_BYTES);
    bind_int(s, 3, author->incarnation);
    bind_int(s, 4, author->writer);
    bind_slice(s, 5, certificate);
    bind_int(s, 6, (int64_t)author->newest_seq);
    bind_blob(s, 7, author->newest_link, SHA256_BYTES);
    TRY(db_run(&store->db, s, err));
    author->id = sqlite3_last_insert_rowid(store->db.handle);
    return ERR_OK;
}

enum err_code author_save(struct centre_store *store, struct centre_author *author, struct slice certificate,
                          struct error *err)
{
    if (author->id == 0) {
        return author_add(store, author, certificate, err);
    }
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE author SET newest_seq = ?2, newest_link = ?3 WHERE id = ?1", &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)author->newest_seq);
    bind_blob(s, 3, author->newest_link, SHA256_BYTES);
    return db_run(&store->db, s, err);
}

enum err_code author_link(struct centre_store *store, const struct centre_site *site,
                          const struct centre_author *author, uint64_t seq, uint8_t ret_link[SHA256_BYTES],
                          struct error *err)
{
    sqlite3_stmt *s;
    uint8_t link[SHA256_BYTES];
    op_link_first(site->stream, author->device, author->incarnation, link);
    TRY(db_statement(&store->db,
                     "SELECT o.header FROM run r JOIN op o "
                     "ON o.id BETWEEN r.first_op AND r.first_op + min(?2, r.last_seq) - r.first_seq "
                     "WHERE r.author = ?1 AND r.first_seq <= ?2 ORDER BY r.first_seq, o.id",
                     &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)seq);
    for (uint64_t i = 0; i < seq; i++) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return FAIL(err, DAMAGED, "find record %llu of a device that is held", (unsigned long long)i + 1);
        }
        op_link_next(link, column_slice(s, 0), link);
    }
    sqlite3_reset(s);
    memcpy(ret_link, link, SHA256_BYTES);
    return ERR_OK;
}

enum err_code author_signed(struct centre_store *store, const struct centre_author *author, struct slice signature,
                            struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT INTO signed_link VALUES (?1, ?2, ?3)", &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)author->newest_seq);
    bind_slice(s, 3, signature);
    return db_run(&store->db, s, err);
}

enum err_code incident_add(struct centre_store *store, const struct centre_author *author, uint64_t seq,
                           const char *what, int64_t now_ms, struct slice offered, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT OR IGNORE INTO incident (at, site, device, incarnation, seq, what, offered) "
                     "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 "
                     "WHERE (SELECT count(*) FROM incident WHERE site = ?2 AND device = ?3) < ?8",
                     &s, err));
    bind_int(s, 8, CENTRE_INCIDENTS_MAX);
    bind_int(s, 1, now_ms);
    bind_int(s, 2, author->site);
    bind_blob(s, 3, author->device, DEVICE_ID_BYTES);
    bind_int(s, 4, author->incarnation);
    bind_int(s, 5, (int64_t)seq);
    bind_text(s, 6, what);
    bind_slice(s, 7, offered);
    return db_run(&store->db, s, err);
}

enum err_code centre_held(struct centre_store *store, const struct centre_site *site,
                          const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation, struct centre_held *ret_held,
                          struct error *err)
{
    struct centre_author author;
    TRY(author_find(store, site, device, incarnation, &author, err));
    ret_held->seq = author.newest_seq;
    memcpy(ret_held->link, author.newest_link, SHA256_BYTES);
    return ERR_OK;
}

/* ---- seeds ---- */

enum err_code seed_find(struct centre_store *store, int64_t author, uint64_t block, uint8_t ret_seed[OP_SEED_BYTES],
                        bool *ret_found, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT seed FROM salt_seed WHERE author = ?1 AND block = ?2", &s, err));
    bind_int(s, 1, author);
    bind_int(s, 2, (int64_t)block);
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        (void)column_fixed(s, 0, ret_seed, OP_SEED_BYTES);
        sqlite3_reset(s);
    }
    *ret_found = row;
    return ERR_OK;
}

enum err_code seed_add(struct centre_store *store, int64_t author, uint64_t block, const uint8_t seed[OP_SEED_BYTES],
                       struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT INTO salt_seed VALUES (?1, ?2, ?3)", &s, err));
    bind_int(s, 1, author);
    bind_int(s, 2, (int64_t)block);
    bind_blob(s, 3, seed, OP_SEED_BYTES);
    return db_run(&store->db, s, err);
}

/* ---- positions ---- */

enum err_code positions_read(struct centre_store *store, int64_t site, struct position_state *ret_state,
                             struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT head, newest_hlc, tree FROM site WHERE id = ?1", &s, err));
    bind_int(s, 1, site);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find the site");
    }
    ret_state->head = (uint64_t)column_int(s, 0);
    ret_state->newest_hlc = (uint64_t)column_int(s, 1);
    enum err_code rc = merkle_peaks_decode(ret_state->head, column_slice(s, 2), &ret_state->tree, err);
    sqlite3_reset(s);
    return rc;
}

enum err_code positions_save(struct centre_store *store, int64_t site, const struct position_state *state,
                             struct error *err)
{
    sqlite3_stmt *s;
    store->news++;
    SCOPED(buf_fini) struct buf peaks;
    buf_init(&peaks, MERKLE_PEAKS_MAX);
    TRY(merkle_peaks_encode(&state->tree, &peaks, err));
    TRY(db_statement(&store->db, "UPDATE site SET head = ?2, newest_hlc = ?3, tree = ?4 WHERE id = ?1", &s, err));
    bind_int(s, 1, site);
    bind_int(s, 2, (int64_t)state->head);
    bind_int(s, 3, (int64_t)state->newest_hlc);
    bind_slice(s, 4, buf_slice(&peaks));
    return db_run(&store->db, s, err);
}

enum err_code run_add(struct centre_store *store, const struct centre_author *author, uint64_t first_seq,
                      uint64_t last_seq, uint64_t first_position, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT INTO run VALUES (?1, ?2, ?3, ?4)", &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)first_seq);
    bind_int(s, 3, (int64_t)last_seq);
    bind_int(s, 4, op_row_id(author->site, first_position));
    return db_run(&store->db, s, err);
}

/* ---- clocks that ran ahead ---- */

enum err_code hlc_ahead_keep(struct centre_store *store, const struct centre_site *site, const struct op *op,
                             struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT INTO hlc_ahead VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET hlc = max(hlc, ?4)", &s,
                     err));
    bind_int(s, 1, site->id);
    bind_int(s, 2, op->kind);
    bind_blob(s, 3, op->subject, op->subject_len);
    bind_int(s, 4, (int64_t)op->hlc);
    return db_run(&store->db, s, err);
}

enum err_code hlc_ahead_read(struct centre_store *store, const struct centre_site *site, const struct op *op,
                             uint64_t *ret_hlc, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT hlc FROM hlc_ahead WHERE site = ?1 AND kind = ?2 AND subject = ?3", &s, err));
    bind_int(s, 1, site->id);
    bind_int(s, 2, op->kind);
    bind_blob(s, 3, op->subject, op->subject_len);
    TRY(db_step(&store->db, s, &row, err));
    *ret_hlc = row ? (uint64_t)column_int(s, 0) : 0;
    sqlite3_reset(s);
    return ERR_OK;
}

/* ---- rows of the log ---- */

static enum err_code next_position(struct position_state *state, struct slice header, struct error *err)
{
    struct merkle_hash leaf;
    merkle_leaf(header, &leaf);
    TRY(merkle_append(&state->tree, &leaf, NULL, NULL, err));
    state->head++;
    return ERR_OK;
}

enum err_code op_add(struct centre_store *store, const struct centre_author *author, struct position_state *state,
                     const struct op_row *row, struct error *err)
{
    sqlite3_stmt *s;
    const struct op *op = row->op;
    TRY(next_position(state, row->header, err));
    TRY(db_statement(&store->db, "INSERT INTO op VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", &s, err));
    bind_int(s, 1, op_row_id(author->site, state->head));
    bind_int(s, 2, author->id);
    bind_int(s, 3, (int64_t)op->id.seq);
    bind_int(s, 4, op->kind);
    bind_int(s, 5, author->writer);
    bind_slice(s, 6, row->header);
    if (row->salted || op->erased) {
        bind_null(s, 7);
    } else {
        bind_blob(s, 7, op->salt, OP_SALT_BYTES);
    }
    if (op->erased) {
        bind_null(s, 8);
    } else {
        bind_slice(s, 8, op->body);
    }
    if (row->quarantine != NULL) {
        bind_text(s, 9, row->quarantine);
    } else {
        bind_null(s, 9);
    }
    bind_int(s, 10, row->received_at_ms);
    return db_run(&store->db, s, err);
}

enum err_code op_same(struct centre_store *store, const struct centre_author *author, uint64_t seq, struct slice header,
                      bool *ret_same, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT o.header, o.seq FROM run r JOIN op o ON o.id = r.first_op + ?2 - r.first_seq "
                     "WHERE r.author = ?1 AND r.first_seq <= ?2 ORDER BY r.first_seq DESC LIMIT 1",
                     &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)seq);
    TRY(db_step(&store->db, s, &row, err));
    if (!row || (uint64_t)column_int(s, 1) != seq) {
        sqlite3_reset(s);
        return FAIL(err, DAMAGED, "find record %llu of a device that is held", (unsigned long long)seq);
    }
    *ret_same = slice_equal(column_slice(s, 0), header);
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code op_read(sqlite3_stmt *s, struct op *ret_op, struct op_id supersedes[OP_SUPERSEDES_MAX], bool *ret_salted,
                      struct error *err)
{
    if (op_header_decode(column_slice(s, 3), ret_op, supersedes, err) != ERR_OK ||
        ret_op->id.seq != (uint64_t)column_int(s, 2)) {
        return FAIL(err, DAMAGED, "read the record at position %llu",
                    (unsigned long long)op_row_position(column_int(s, 0)));
    }
    ret_op->erased = sqlite3_column_type(s, 5) == SQLITE_NULL;
    *ret_salted = false;
    if (!ret_op->erased) {
        ret_op->body = column_slice(s, 5);
        *ret_salted = !column_fixed(s, 4, ret_op->salt, OP_SALT_BYTES);
    }
    return ERR_OK;
}

enum err_code op_rows_of(struct centre_store *store, const char *sql, int64_t site, sqlite3_stmt **ret,
                         struct error *err)
{
    TRY(db_statement(&store->db, sql, ret, err));
    bind_int(*ret, 1, op_row_id(site, 0));
    bind_int(*ret, 2, op_row_id(site + 1, 0));
    return ERR_OK;
}

enum err_code op_each(struct centre_store *store, sqlite3_stmt *s, op_visit_fn visit, void *context, struct error *err)
{
    for (;;) {
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        bool salted;
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        enum err_code rc = op_read(s, &op, supersedes, &salted, err);
        rc = rc == ERR_OK ? visit(context, &op, s, err) : rc;
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}
