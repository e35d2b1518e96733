#include <string.h>

#include "store/replica.h"

int64_t op_key(int64_t author, uint64_t seq)
{
    CHECK(seq <= OP_SEQ_MAX);
    return author << OP_KEY_SEQ_BITS | (int64_t)seq;
}

uint64_t op_key_seq(int64_t key)
{
    return (uint64_t)key & OP_SEQ_MAX;
}

int64_t op_key_author(int64_t key)
{
    return key >> OP_KEY_SEQ_BITS;
}

/* ---- authors ---- */

enum err_code oplog_author_find(struct store *store, const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation,
                                struct author *ret_author, bool *ret_found, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(
        &store->db,
        "SELECT id, writer, newest_seq, newest_link, signed_seq FROM author WHERE device = ?1 AND incarnation = ?2", &s,
        err));
    bind_blob(s, 1, device, DEVICE_ID_BYTES);
    bind_int(s, 2, incarnation);
    bool row;
    TRY(db_step(&store->db, s, &row, err));
    *ret_found = row;
    if (!row) {
        return ERR_OK;
    }
    struct author author = { .id = column_int(s, 0),
                             .incarnation = incarnation,
                             .writer = (enum record_writer)column_int(s, 1),
                             .newest_seq = (uint64_t)column_int(s, 2),
                             .signed_seq = (uint64_t)column_int(s, 4) };
    memcpy(author.device, device, DEVICE_ID_BYTES);
    (void)column_fixed(s, 3, author.newest_link, SHA256_BYTES);
    sqlite3_reset(s);
    *ret_author = author;
    return ERR_OK;
}

enum err_code oplog_author_add(struct store *store, struct author *author, struct slice certificate, struct error *err)
{
    sqlite3_stmt *s;
    op_link_first(store->stream, author->device, author->incarnation, author->newest_link);
    TRY(db_statement(&store->db,
                     "INSERT INTO author (device, incarnation, writer, certificate, newest_seq, newest_link) "
                     "VALUES (?1, ?2, ?3, ?4, 0, ?5)",
                     &s, err));
    bind_blob(s, 1, author->device, DEVICE_ID_BYTES);
    bind_int(s, 2, author->incarnation);
    bind_int(s, 3, author->writer);
    bind_slice(s, 4, certificate);
    bind_blob(s, 5, author->newest_link, SHA256_BYTES);
    TRY(db_run(&store->db, s, err));
    author->id = sqlite3_last_insert_rowid(store->db.handle);
    author->newest_seq = 0;
    return ERR_OK;
}

enum err_code oplog_author_save(struct store *store, const struct author *author, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE author SET newest_seq = ?2, newest_link = ?3, newest_hlc = ?4 WHERE id = ?1",
                     &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)author->newest_seq);
    bind_blob(s, 3, author->newest_link, SHA256_BYTES);
    bind_int(s, 4, (int64_t)store->newest_hlc);
    return db_run(&store->db, s, err);
}

enum err_code oplog_author_sign(struct store *store, const struct author *author, uint64_t seq, struct slice signature,
                                struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE author SET signed_seq = ?2, signature = ?3 WHERE id = ?1 AND signed_seq < ?2",
                     &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)seq);
    bind_slice(s, 3, signature);
    TRY(db_run(&store->db, s, err));
    TRY(db_statement(&store->db, "INSERT OR IGNORE INTO signed_link VALUES (?1, ?2, ?3)", &s, err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)seq);
    bind_slice(s, 3, signature);
    return db_run(&store->db, s, err);
}

/* ---- ops ---- */

enum err_code oplog_insert(struct store *store, const struct author *author, const struct op *op, struct slice header,
                           bool salted, const char *quarantine, int64_t received_at_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT INTO op VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", &s, err));
    bind_int(s, 1, op_key(author->id, op->id.seq));
    bind_int(s, 2, op->kind);
    bind_int(s, 3, author->writer);
    bind_blob(s, 4, op->subject, op->subject_len);
    bind_slice(s, 5, header);
    if (salted || op->erased) {
        bind_null(s, 6);
    } else {
        bind_blob(s, 6, op->salt, OP_SALT_BYTES);
    }
    if (op->erased) {
        bind_null(s, 7);
    } else {
        bind_slice(s, 7, op->body);
    }
    if (quarantine == NULL) {
        bind_null(s, 8);
    } else {
        bind_text(s, 8, quarantine);
    }
    bind_int(s, 9, received_at_ms);
    return db_run(&store->db, s, err);
}

/* Are STORE_SUBJECT_OPS_MAX of the author's ops about the subject before it held? */
static enum err_code is_full(struct store *store, const struct author *author, const struct op *op, bool *ret_full,
                             struct error *err)
{
    sqlite3_stmt *s;
    int at = 2;
    *ret_full = false;
    if (op->kind == KIND_ATTENDANCE) {
        int32_t day;
        int slot;
        if (fold_marked(store, KIND_ATTENDANCE, slice_of(op->subject, op->subject_len))) {
            TRY(fold_flush(store, err));
        }
        if (store->assertions_most < STORE_SUBJECT_OPS_MAX) {
            return ERR_OK; /* nearly always: nobody says so much of a session */
        }
        session_of_subject(op->subject, &day, &slot);
        TRY(db_statement(&store->db,
                         "SELECT 1 FROM attendance WHERE placement = ?1 AND day = ?2 AND slot = ?3 AND op > ?4 "
                         "AND op <= ?5 LIMIT 1 OFFSET ?6",
                         &s, err));
        bind_blob(s, 1, op->subject, OP_ENTITY_BYTES);
        bind_int(s, at++, day);
        bind_int(s, at++, slot);
    } else {
        TRY(db_statement(&store->db,
                         "SELECT 1 FROM op INDEXED BY op_subject WHERE subject = ?1 AND id > ?2 AND id <= ?3 "
                         "AND kind <> 5 LIMIT 1 OFFSET ?4",
                         &s, err));
        bind_blob(s, 1, op->subject, op->subject_len);
    }
    bind_int(s, at++, op_key(author->id, 0));
    bind_int(s, at++, op_key(author->id, op->id.seq - 1));
    bind_int(s, at, STORE_SUBJECT_OPS_MAX - 1);
    TRY(db_step(&store->db, s, ret_full, err));
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code oplog_admit(struct store *store, const struct author *author, const struct op *op,
                          enum err_code *ret_admitted, struct error *reason, struct error *err)
{
    bool full;
    *ret_admitted = record_admit(op, author->writer, reason);
    if (*ret_admitted == ERR_NO_MEMORY) {
        return FAIL(err, NO_MEMORY, "look at a record"); /* it is not the record's fault */
    }
    if (*ret_admitted == ERR_OK && op->kind == KIND_ERASURE) {
        TRY(erasure_admit(store, author->writer, op, ret_admitted, reason, err));
    }
    if (*ret_admitted != ERR_OK || op->id.seq <= STORE_SUBJECT_OPS_MAX) {
        return ERR_OK; /* there cannot be so many yet */
    }
    TRY(is_full(store, author, op, &full, err));
    if (full) {
        *ret_admitted = FAIL(reason, LIMIT, "take a %s: this device has made %d records about it already",
                             kind_by_number(op->kind)->name, STORE_SUBJECT_OPS_MAX);
    }
    return ERR_OK;
}

enum err_code oplog_seed_find(struct store *store, int64_t author, uint64_t block, uint8_t ret_seed[OP_SEED_BYTES],
                              bool *ret_found, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT seed FROM salt_seed WHERE author = ?1 AND block = ?2", &s, err));
    bind_int(s, 1, author);
    bind_int(s, 2, (int64_t)block);
    TRY(db_step(&store->db, s, ret_found, err));
    if (*ret_found) {
        (void)column_fixed(s, 0, ret_seed, OP_SEED_BYTES);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

enum err_code oplog_release(struct store *store, int64_t key, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE op SET quarantine = NULL WHERE id = ?1", &s, err));
    bind_int(s, 1, key);
    return db_run(&store->db, s, err);
}

static enum err_code seed_insert(struct store *store, int64_t author, uint64_t block, const uint8_t seed[OP_SEED_BYTES],
                                 struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT INTO salt_seed VALUES (?1, ?2, ?3)", &s, err));
    bind_int(s, 1, author);
    bind_int(s, 2, (int64_t)block);
    bind_blob(s, 3, seed, OP_SEED_BYTES);
    return db_run(&store->db, s, err);
}

enum err_code oplog_seed_keep(struct store *store, int64_t author, uint64_t block, const uint8_t seed[OP_SEED_BYTES],
                              bool *ret_same, struct error *err)
{
    uint8_t held[OP_SEED_BYTES];
    bool found;
    bool erased = false;
    TRY(oplog_seed_find(store, author, block, held, &found, err));
    if (!found) {
        TRY(block_has_erased(store, author, block, &erased, err));
    }
    if (erased) {
        *ret_same = false; /* an erased op's salt may come from it */
        return ERR_OK;
    }
    if (!found) {
        TRY(seed_insert(store, author, block, seed, err));
    }
    *ret_same = !found || memcmp(held, seed, OP_SEED_BYTES) == 0;
    return ERR_OK;
}

enum err_code oplog_seed_own(struct store *store, const struct author *author, uint64_t block, const uint8_t *fresh,
                             uint8_t ret_seed[OP_SEED_BYTES], struct error *err)
{
    bool found;
    TRY(oplog_seed_find(store, author->id, block, ret_seed, &found, err));
    if (found) {
        return ERR_OK;
    }
    if (fresh != NULL) {
        memcpy(ret_seed, fresh, OP_SEED_BYTES);
    } else {
        TRY(random_bytes(ret_seed, OP_SEED_BYTES, err));
    }
    return seed_insert(store, author->id, block, ret_seed, err);
}

enum err_code store_salt_seed(struct store *store, const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation,
                              uint64_t block, uint8_t ret_seed[OP_SEED_BYTES], struct error *err)
{
    struct author author;
    bool found;
    TRY(oplog_author_find(store, device, incarnation, &author, &found, err));
    if (found) {
        TRY(oplog_seed_find(store, author.id, block, ret_seed, &found, err));
    }
    return found ? ERR_OK : FAIL(err, NOT_FOUND, "find the seed of salt block %llu", (unsigned long long)block);
}

enum err_code oplog_damaged(int64_t key, struct error *err)
{
    return FAIL(err, DAMAGED, "read record %llu of author %lld: it is not as it was written",
                (unsigned long long)op_key_seq(key), (long long)op_key_author(key));
}

static enum err_code row_salt(struct store *store, int64_t key, struct op *op, struct error *err)
{
    uint8_t seed[OP_SEED_BYTES];
    bool found;
    TRY(oplog_seed_find(store, op_key_author(key), op_salt_block(op->id.seq), seed, &found, err));
    if (!found) {
        return oplog_damaged(key, err);
    }
    op_salt(seed, op->id.seq, op->salt);
    return ERR_OK;
}

enum err_code oplog_row(struct store *store, sqlite3_stmt *statement, int at, int64_t key, struct op *ret_op,
                        struct op_id supersedes[OP_SUPERSEDES_MAX], struct error *err)
{
    if (op_header_decode(column_slice(statement, at), ret_op, supersedes, err) != ERR_OK ||
        ret_op->id.seq != op_key_seq(key)) {
        return oplog_damaged(key, err);
    }
    ret_op->erased = sqlite3_column_type(statement, at + 2) == SQLITE_NULL;
    if (ret_op->erased) {
        return ERR_OK;
    }
    ret_op->body = column_slice(statement, at + 2);
    return column_fixed(statement, at + 1, ret_op->salt, OP_SALT_BYTES) ? ERR_OK : row_salt(store, key, ret_op, err);
}
