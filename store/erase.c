/*
 * Erasing bodies. What is erased follows from headers and erasures alone, so it does not matter which came first:
 *
 *     an erasure comes ── what it covers here ──┐
 *                                               ├──► body and salt gone, block's seed gone, folded again without it
 *     an op comes ── an erasure here covers it ─┘    (it is then kept as if it had come erased)
 *
 * No block with an erased op has a seed: the other ops have their salts written out, so the seed can neither be used
 * here nor travel. Branches set aside lose their bodies as the log does.
 */
#include <stdlib.h>
#include <string.h>

#include "store/replica.h"

/* ---- salts ---- */

static enum err_code salted_in_block(struct store *store, int64_t author, uint64_t block, int64_t keys[OP_SALT_BLOCK],
                                     size_t *ret_count, struct error *err)
{
    sqlite3_stmt *s;
    size_t count = 0;
    TRY(db_statement(&store->db, "SELECT id FROM op WHERE id > ?1 AND id <= ?2 AND salt IS NULL AND body IS NOT NULL",
                     &s, err));
    bind_int(s, 1, op_key(author, block * OP_SALT_BLOCK));
    bind_int(s, 2, op_key(author, (block + 1) * OP_SALT_BLOCK));
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            *ret_count = count;
            return ERR_OK;
        }
        CHECK(count < OP_SALT_BLOCK);
        keys[count++] = column_int(s, 0);
    }
}

static enum err_code write_salt(struct store *store, int64_t key, const uint8_t seed[OP_SEED_BYTES], struct error *err)
{
    sqlite3_stmt *s;
    uint8_t salt[OP_SALT_BYTES];
    op_salt(seed, op_key_seq(key), salt);
    TRY(db_statement(&store->db, "UPDATE op SET salt = ?2 WHERE id = ?1", &s, err));
    bind_int(s, 1, key);
    bind_blob(s, 2, salt, sizeof(salt));
    return db_run(&store->db, s, err);
}

enum err_code salts_spread(struct store *store, int64_t author, uint64_t block, struct error *err)
{
    uint8_t seed[OP_SEED_BYTES];
    int64_t keys[OP_SALT_BLOCK];
    size_t count = 0;
    bool found;
    sqlite3_stmt *s;
    TRY(oplog_seed_find(store, author, block, seed, &found, err));
    if (!found) {
        return ERR_OK;
    }
    TRY(salted_in_block(store, author, block, keys, &count, err));
    for (size_t i = 0; i < count; i++) {
        TRY(write_salt(store, keys[i], seed, err));
    }
    TRY(db_statement(&store->db, "DELETE FROM salt_seed WHERE author = ?1 AND block = ?2", &s, err));
    bind_int(s, 1, author);
    bind_int(s, 2, (int64_t)block);
    return db_run(&store->db, s, err);
}

enum err_code salts_are_written(struct store *store, int64_t author, uint64_t block, bool *ret_written,
                                struct error *err)
{
    sqlite3_stmt *s;
    uint8_t unused[OP_SEED_BYTES];
    bool seeded;
    *ret_written = false;
    TRY(oplog_seed_find(store, author, block, unused, &seeded, err));
    if (seeded) {
        return ERR_OK;
    }
    TRY(db_statement(&store->db, "SELECT 1 FROM op WHERE id > ?1 AND id <= ?2 AND salt IS NOT NULL LIMIT 1", &s, err));
    bind_int(s, 1, op_key(author, block * OP_SALT_BLOCK));
    bind_int(s, 2, op_key(author, (block + 1) * OP_SALT_BLOCK));
    TRY(db_step(&store->db, s, ret_written, err));
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code block_has_erased(struct store *store, int64_t author, uint64_t block, bool *ret_has, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT 1 FROM op WHERE id > ?1 AND id <= ?2 AND body IS NULL LIMIT 1", &s, err));
    bind_int(s, 1, op_key(author, block * OP_SALT_BLOCK));
    bind_int(s, 2, op_key(author, (block + 1) * OP_SALT_BLOCK));
    TRY(db_step(&store->db, s, ret_has, err));
    sqlite3_reset(s);
    return ERR_OK;
}

/* ---- one op of the log ---- */

struct held {
    int64_t key;
    struct op op; /* without its body */
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    uint8_t header[OP_HEADER_MAX]; /* the op borrows from it */
    enum record_writer writer;
    bool erased;
    bool quarantined;
    int64_t received_at_ms;
};

static enum err_code read_held_row(sqlite3_stmt *s, int64_t key, struct held *held, struct error *err)
{
    struct slice header = column_slice(s, 1);
    if (header.len > sizeof(held->header)) {
        return oplog_damaged(key, err);
    }
    memcpy(held->header, header.data, header.len);
    held->key = key;
    held->writer = (enum record_writer)column_int(s, 0);
    held->erased = column_int(s, 2) != 0;
    held->quarantined = column_int(s, 3) != 0;
    held->received_at_ms = column_int(s, 4);
    return op_header_decode(slice_of(held->header, header.len), &held->op, held->supersedes, err) == ERR_OK
               ? ERR_OK
               : oplog_damaged(key, err);
}

static enum err_code read_held(struct store *store, int64_t key, struct held *held, bool *ret_found, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT writer, header, body IS NULL, quarantine IS NOT NULL, received_at FROM op WHERE id = ?1",
                     &s, err));
    bind_int(s, 1, key);
    TRY(db_step(&store->db, s, ret_found, err));
    if (!*ret_found) {
        return ERR_OK;
    }
    enum err_code rc = read_held_row(s, key, held, err);
    sqlite3_reset(s);
    return rc;
}

static enum err_code take_body(struct store *store, int64_t key, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE op SET body = NULL, salt = NULL WHERE id = ?1", &s, err));
    bind_int(s, 1, key);
    TRY(db_run(&store->db, s, err));
    return db_exec(&store->db, "UPDATE sync_state SET scrub = 1 WHERE scrub = 0", err);
}

/* What was set aside for its content is no longer: it is kept as one that came erased, as on every later replica. */
static enum err_code judge_erased(struct store *store, const struct held *held, bool *ret_counts, struct error *err)
{
    struct error reason;
    *ret_counts = !held->quarantined || record_admit(&held->op, held->writer, &reason) == ERR_OK;
    return held->quarantined && *ret_counts ? oplog_release(store, held->key, err) : ERR_OK;
}

static enum err_code erase_held(struct store *store, struct held *held, struct error *err)
{
    bool counts;
    held->op.erased = true;
    TRY(take_body(store, held->key, err));
    TRY(salts_spread(store, op_key_author(held->key), op_salt_block(op_key_seq(held->key)), err));
    TRY(judge_erased(store, held, &counts, err));
    return counts ? fold_op(store, held->key, &held->op, err) : ERR_OK;
}

enum err_code erasure_take(struct store *store, int64_t key, struct error *err)
{
    struct held held;
    bool found;
    TRY(read_held(store, key, &held, &found, err));
    return found && !held.erased ? erase_held(store, &held, err) : ERR_OK;
}

static enum err_code erase_covered(struct store *store, const struct erasure *erasure, int64_t key, struct error *err)
{
    struct held held;
    bool found;
    TRY(read_held(store, key, &held, &found, err));
    return found && !held.erased && erasure_covers(erasure, &held.op, held.writer) ? erase_held(store, &held, err)
                                                                                   : ERR_OK;
}

/* ---- what an erasure covers here ---- */

/* The statement's first parameter is the subject; with two more, the placement, day and slot of a session. */
static enum err_code collect_keys(struct store *store, sqlite3_stmt *s, const struct erasure *erasure, struct buf *keys,
                                  struct error *err)
{
    int32_t day = 0;
    int slot = 0;
    if (erasure->subject_len == OP_SESSION_BYTES) {
        session_of_subject(erasure->subject, &day, &slot);
    }
    bind_blob(s, 1, erasure->subject, sqlite3_bind_parameter_count(s) == 1 ? erasure->subject_len : OP_ENTITY_BYTES);
    if (sqlite3_bind_parameter_count(s) > 1) {
        bind_int(s, 2, day);
        bind_int(s, 3, slot);
    }
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        int64_t key = column_int(s, 0);
        enum err_code rc = buf_append(keys, &key, sizeof(key), err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

/* Assertions are found through their table; those set aside are not in it. */
static enum err_code collect_assertions(struct store *store, const struct erasure *erasure, struct buf *keys,
                                        struct error *err)
{
    sqlite3_stmt *s;
    if (store->fold_marks.count > 0) { /* when somebody only looks, there are none */
        TRY(fold_flush(store, err));
    }
    if (erasure->kind == KIND_PLACEMENT) {
        TRY(db_statement(&store->db, "SELECT op FROM attendance WHERE placement = ?1", &s, err));
    } else {
        TRY(db_statement(&store->db, "SELECT op FROM attendance WHERE placement = ?1 AND day = ?2 AND slot = ?3", &s,
                         err));
    }
    TRY(collect_keys(store, s, erasure, keys, err));
    TRY(db_statement(&store->db,
                     "SELECT id FROM op WHERE quarantine IS NOT NULL AND kind = 5 AND substr(subject, 1, length(?1)) = "
                     "?1 AND body IS NOT NULL",
                     &s, err));
    return collect_keys(store, s, erasure, keys, err);
}

static enum err_code named_key(struct store *store, const struct op_id *id, int64_t *ret_key, struct error *err)
{
    struct author author;
    bool found;
    TRY(oplog_author_find(store, id->device, id->incarnation, &author, &found, err));
    *ret_key = found && id->seq <= author.newest_seq ? op_key(author.id, id->seq) : 0;
    return ERR_OK;
}

enum err_code erasure_candidates(struct store *store, const struct erasure *erasure, struct buf *keys,
                                 struct error *err)
{
    sqlite3_stmt *s;
    if (erasure->one) {
        int64_t key;
        TRY(named_key(store, &erasure->op, &key, err));
        return key != 0 ? buf_append(keys, &key, sizeof(key), err) : ERR_OK;
    }
    if (erasure->kind != KIND_ATTENDANCE) {
        TRY(db_statement(
            &store->db, "SELECT id FROM op INDEXED BY op_subject WHERE subject = ?1 AND kind <> 5 AND body IS NOT NULL",
            &s, err));
        TRY(collect_keys(store, s, erasure, keys, err));
    }
    return erasure_kind_covers(erasure->kind, KIND_ATTENDANCE) ? collect_assertions(store, erasure, keys, err) : ERR_OK;
}

/*
 * When an op was made, so that no clock that runs behind makes it older: when it came, by the clock here, or what its
 * own clock or its logical one says, where that is later and not still to come.
 */
static int64_t made_at(const struct held *held, int64_t now_ms)
{
    int64_t newest = held->received_at_ms;
    int64_t said = (int64_t)(held->op.hlc >> 16);
    newest = said > newest && said <= now_ms ? said : newest;
    if (!__builtin_sub_overflow(held->op.recorded_at_ms, held->op.offset_ms, &said)) {
        newest = said > newest && said <= now_ms ? said : newest;
    }
    return newest;
}

enum err_code erasure_count(struct store *store, const struct erasure *erasure, int64_t key,
                            struct store_erasable *counts, struct error *err)
{
    struct held held;
    bool found;
    TRY(read_held(store, key, &held, &found, err));
    if (!found || held.erased || held.op.kind >= STORE_KINDS_MAX) {
        return ERR_OK;
    }
    struct erasure other = *erasure;
    other.writer = erasure->writer == WRITER_CENTRE ? WRITER_ORGANISATION : WRITER_CENTRE;
    bool ours = erasure_covers(erasure, &held.op, held.writer);
    bool theirs = erasure_covers(&other, &held.op, held.writer);
    int64_t made_ms = ours || theirs ? made_at(&held, counts->now_ms) : 0;
    counts->kinds[held.op.kind] += ours;
    counts->records += ours;
    counts->of_centre += theirs;
    counts->newest_hlc = held.op.hlc > counts->newest_hlc ? held.op.hlc : counts->newest_hlc;
    counts->newest_ms = made_ms > counts->newest_ms ? made_ms : counts->newest_ms;
    return ERR_OK;
}

/* ---- branches set aside ---- */

static enum err_code take_forked_body(struct store *store, int64_t fork, int64_t seq, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE forked_op SET body = NULL, salt = NULL WHERE fork = ?1 AND seq = ?2", &s,
                     err));
    bind_int(s, 1, fork);
    bind_int(s, 2, seq);
    return db_run(&store->db, s, err);
}

/* An op that was set aside is known by its new name as well. */
static bool covers_forked(const struct erasure *erasure, const struct op *op, sqlite3_stmt *s)
{
    struct op issued = *op;
    issued.id.incarnation = (uint32_t)column_int(s, 3);
    issued.id.seq = (uint64_t)column_int(s, 4);
    return erasure_covers(erasure, op, WRITER_ORGANISATION) ||
           (issued.id.seq != 0 && erasure_covers(erasure, &issued, WRITER_ORGANISATION));
}

/* One that is covered, after (fork, seq); false when there is none. */
static enum err_code next_forked(struct store *store, const struct erasure *erasure, int64_t *fork, int64_t *seq,
                                 bool *ret_found, struct error *err)
{
    sqlite3_stmt *s;
    bool row = true;
    TRY(db_statement(&store->db,
                     "SELECT fork, seq, header, ifnull(issued_incarnation, 0), ifnull(issued_seq, 0) FROM forked_op "
                     "WHERE (fork, seq) > (?1, ?2) AND body IS NOT NULL ORDER BY fork, seq",
                     &s, err));
    bind_int(s, 1, *fork);
    bind_int(s, 2, *seq);
    *ret_found = false;
    while (!*ret_found) {
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        enum err_code rc = op_header_decode(column_slice(s, 2), &op, supersedes, err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
        *ret_found = covers_forked(erasure, &op, s);
        *fork = column_int(s, 0);
        *seq = column_int(s, 1);
    }
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code erase_forked(struct store *store, const struct erasure *erasure, struct error *err)
{
    int64_t fork = 0;
    int64_t seq = 0;
    for (;;) {
        bool found;
        TRY(next_forked(store, erasure, &fork, &seq, &found, err));
        if (!found) {
            return ERR_OK;
        }
        TRY(take_forked_body(store, fork, seq, err));
    }
}

/* ---- an erasure comes ---- */

static enum err_code keep_erasure(struct store *store, int64_t key, const struct erasure *erasure, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT OR REPLACE INTO erasure VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", &s, err));
    bind_int(s, 1, key);
    bind_blob(s, 2, erasure->subject, erasure->subject_len);
    bind_int(s, 3, erasure->kind);
    bind_int(s, 4, erasure->writer);
    bind_int(s, 5, (int64_t)erasure->hlc);
    if (erasure->one) {
        bind_blob(s, 6, erasure->op.device, DEVICE_ID_BYTES);
        bind_int(s, 7, erasure->op.incarnation);
        bind_int(s, 8, (int64_t)erasure->op.seq);
    } else {
        bind_null(s, 6);
        bind_null(s, 7);
        bind_null(s, 8);
    }
    store->erasing = true;
    return db_run(&store->db, s, err);
}

/* What was said of it in words: raised again from what is left. */
static enum err_code drop_flags(struct store *store, const struct erasure *erasure, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "DELETE FROM flag WHERE subject_id = ?1", &s, err));
    bind_blob(s, 1, erasure->subject, OP_ENTITY_BYTES);
    TRY(db_run(&store->db, s, err));
    TRY(db_statement(
        &store->db, "DELETE FROM flag WHERE subject_id IN (SELECT id FROM placement WHERE participant = ?1)", &s, err));
    bind_blob(s, 1, erasure->subject, OP_ENTITY_BYTES);
    TRY(db_run(&store->db, s, err));
    TRY(dirty_participant(store, slice_of(erasure->subject, OP_ENTITY_BYTES), err));
    if (erasure_kind_covers(erasure->kind, KIND_ATTENDANCE)) {
        TRY(dirty_placement(store, erasure->subject, err));
    }
    return dirty_site(store, err);
}

enum err_code erasure_fold(struct store *store, int64_t key, const struct op *op, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    struct erasure erasure;
    SCOPED(buf_fini) struct buf keys;
    buf_init(&keys, SIZE_MAX / 2);
    TRY(db_statement(&store->db, "SELECT writer FROM op WHERE id = ?1", &s, err));
    bind_int(s, 1, key);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return oplog_damaged(key, err);
    }
    enum record_writer writer = (enum record_writer)column_int(s, 0);
    sqlite3_reset(s);
    TRY(erasure_read(op, writer, &erasure, err));
    TRY(keep_erasure(store, key, &erasure, err));
    TRY(drop_flags(store, &erasure, err));
    TRY(kept_reviews_erase(store, &erasure, err));
    TRY(erasure_candidates(store, &erasure, &keys, err));
    for (size_t at = 0; at < keys.len; at += sizeof(int64_t)) {
        int64_t covered;
        memcpy(&covered, keys.data + at, sizeof(covered));
        TRY(erase_covered(store, &erasure, covered, err));
    }
    return erase_forked(store, &erasure, err);
}

/* It counts no more, and what it took is gone all the same. */
enum err_code erasure_fold_out(struct store *store, int64_t key, const struct op *op, struct error *err)
{
    sqlite3_stmt *s;
    TRY(dirty_participant(store, slice_of(op->subject, OP_ENTITY_BYTES), err));
    TRY(db_statement(&store->db, "DELETE FROM erasure WHERE op = ?1", &s, err));
    bind_int(s, 1, key);
    return db_run(&store->db, s, err);
}

enum err_code erasure_admit(struct store *store, enum record_writer writer, const struct op *op,
                            enum err_code *ret_admitted, struct error *reason, struct error *err)
{
    struct erasure erasure;
    struct held held;
    int64_t key = 0;
    bool found = false;
    TRY(erasure_read(op, writer, &erasure, err));
    if (erasure.one) {
        TRY(named_key(store, &erasure.op, &key, err));
    }
    TRY(read_held(store, key, &held, &found, err)); /* no row has the key 0 */
    *ret_admitted = found ? erasure_fits(&erasure, &held.op, held.writer, reason) : ERR_OK;
    return ERR_OK;
}

/* ---- an op comes ---- */

static struct slice placement_of(const struct op *op)
{
    return slice_of(op->subject, OP_ENTITY_BYTES);
}

/* The newest logical time of the erasures about its subject (the whole of it, or anything about its placement). */
static enum err_code newest_erasure(struct store *store, const struct op *op, uint64_t *ret_hlc, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT ifnull(max(hlc), 0) FROM erasure WHERE subject IN (?1, ?2)", &s, err));
    bind_blob(s, 1, op->subject, op->subject_len);
    bind_slice(s, 2, placement_of(op));
    TRY(db_step(&store->db, s, &row, err));
    *ret_hlc = row ? (uint64_t)column_int(s, 0) : 0;
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code erasure_before(struct store *store, struct op *op, struct error *err)
{
    uint64_t hlc;
    if (!store->erasing) {
        return ERR_OK;
    }
    TRY(newest_erasure(store, op, &hlc, err));
    op->hlc = hlc > op->hlc ? hlc : op->hlc;
    return ERR_OK;
}

static void read_erasure(sqlite3_stmt *s, struct erasure *erasure)
{
    struct slice subject = column_slice(s, 0);
    *erasure = (struct erasure){ .subject_len = (uint8_t)(subject.len <= OP_SUBJECT_MAX ? subject.len : 0),
                                 .kind = (uint32_t)column_int(s, 1),
                                 .writer = (enum record_writer)column_int(s, 2),
                                 .hlc = (uint64_t)column_int(s, 3),
                                 .one = sqlite3_column_type(s, 6) != SQLITE_NULL };
    memcpy(erasure->subject, subject.data, erasure->subject_len);
    (void)column_fixed(s, 4, erasure->op.device, DEVICE_ID_BYTES);
    erasure->op.incarnation = (uint32_t)column_int(s, 5);
    erasure->op.seq = (uint64_t)column_int(s, 6);
}

enum err_code erasure_find(struct store *store, const struct op *op, enum record_writer writer, bool *ret_covered,
                           struct error *err)
{
    sqlite3_stmt *s;
    *ret_covered = false;
    if (!store->erasing) {
        return ERR_OK;
    }
    TRY(db_statement(&store->db,
                     "SELECT subject, kind, writer, hlc, device, incarnation, seq FROM erasure "
                     "WHERE subject IN (?1, ?2) AND hlc > ?3",
                     &s, err));
    bind_blob(s, 1, op->subject, op->subject_len);
    bind_slice(s, 2, placement_of(op));
    bind_int(s, 3, (int64_t)op->hlc);
    for (;;) {
        struct erasure erasure;
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        read_erasure(s, &erasure);
        if (erasure_covers(&erasure, op, writer)) {
            *ret_covered = true;
            sqlite3_reset(s);
            return ERR_OK;
        }
    }
}

/* ---- nothing is left of them in the file ---- */

enum err_code store_scrub(struct store *store, bool *ret_done, struct error *err)
{
    sqlite3_stmt *s;
    bool due;
    *ret_done = false;
    TRY(db_statement(&store->db, "SELECT 1 FROM sync_state WHERE scrub <> 0", &s, err));
    TRY(db_step(&store->db, s, &due, err));
    sqlite3_reset(s);
    if (!due) {
        return ERR_OK;
    }
    TRY(db_empty_log(&store->db, err));
    TRY(db_exec(&store->db, "VACUUM", err));
    TRY(db_empty_log(&store->db, err));
    TRY(db_exec(&store->db, "UPDATE sync_state SET scrub = 0", err));
    *ret_done = true;
    return ERR_OK;
}
