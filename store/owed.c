/*
 * What the centre lost of others, as far as this replica can tell: it holds more of an author than the centre's stream
 * gave. This device's own chains are not counted here; what the centre lacks of them is sent as ever.
 */
#include <stdlib.h>
#include <string.h>

#include "store/replica.h"

#define OWED                                                                                                           \
    "FROM author w WHERE w.newest_seq > w.centre_seq AND w.id NOT IN (SELECT author FROM own_chain) "                  \
    "AND w.id NOT IN (SELECT author FROM declined) "

enum err_code owed_count(struct store *store, uint64_t *ret_ops, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT coalesce(sum(w.newest_seq - w.centre_seq), 0) " OWED, &s, err));
    TRY(db_step(&store->db, s, &row, err));
    *ret_ops = row ? (uint64_t)column_int(s, 0) : 0;
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code owed_given(struct store *store, const struct author *author, const struct store_run *run,
                         struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "UPDATE author SET centre_seq = ?3 WHERE id = ?1 AND centre_seq >= ?2 AND centre_seq < ?3", &s,
                     err));
    bind_int(s, 1, author->id);
    bind_int(s, 2, (int64_t)run->ops.ops[0].id.seq - 1);
    bind_int(s, 3, (int64_t)run->ops.ops[run->ops.count - 1].id.seq);
    return db_run(&store->db, s, err);
}

/* ---- reading ---- */

void store_owed_init(struct store_owed *owed)
{
    *owed = (struct store_owed){ 0 };
    op_batch_init(&owed->ops);
    buf_init(&owed->certificate, CERTIFICATE_DER_MAX);
}

void store_owed_fini(struct store_owed *owed)
{
    op_batch_fini(&owed->ops);
    buf_fini(&owed->certificate);
    free(owed->seeds);
}

/* The next author: *ret_from is the last op that the centre holds of it. */
static enum err_code find_author(struct store *store, struct store_owed_after after, struct store_owed *owed,
                                 uint64_t *ret_from, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    buf_clear(&owed->certificate);
    TRY(db_statement(&store->db,
                     "SELECT w.id, iif(w.id = ?1, max(w.centre_seq, ?2), w.centre_seq), w.certificate " OWED
                     "AND (w.id > ?1 OR (w.id = ?1 AND w.newest_seq > ?2)) ORDER BY w.id LIMIT 1",
                     &s, err));
    bind_int(s, 1, after.author);
    bind_int(s, 2, (int64_t)after.seq);
    TRY(db_step(&store->db, s, &row, err));
    owed->author = row ? column_int(s, 0) : 0;
    if (!row) {
        return ERR_OK;
    }
    *ret_from = (uint64_t)column_int(s, 1);
    struct slice der = column_slice(s, 2);
    enum err_code rc = buf_append(&owed->certificate, der.data, der.len, err);
    sqlite3_reset(s);
    return rc;
}

/* The last signature within `max_ops`, or the first after that. */
static enum err_code find_signature(struct store *store, uint64_t from, size_t max_ops, struct store_owed *owed,
                                    struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT seq, signature FROM signed_link WHERE author = ?1 AND seq > ?2 "
                     "ORDER BY seq > ?3, iif(seq > ?3, seq, -seq) LIMIT 1",
                     &s, err));
    bind_int(s, 1, owed->author);
    bind_int(s, 2, (int64_t)from);
    bind_int(s, 3, (int64_t)(from + max_ops));
    TRY(db_step(&store->db, s, &row, err));
    struct slice signature = row ? column_slice(s, 1) : (struct slice){ 0 };
    if (!row || signature.len == 0 || signature.len > SIGNATURE_MAX) {
        sqlite3_reset(s);
        return FAIL(err, DAMAGED, "find the signature over records of author %lld", (long long)owed->author);
    }
    owed->run.signed_seq = (uint64_t)column_int(s, 0);
    owed->run.signature_len = signature.len;
    memcpy(owed->run.signature, signature.data, signature.len);
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code read_ops(struct store *store, uint64_t from, struct store_owed *owed, struct error *err)
{
    sqlite3_stmt *s;
    bool row = true;
    enum err_code rc = ERR_OK;
    op_batch_clear(&owed->ops);
    TRY(db_statement(&store->db, "SELECT id, header, salt, body FROM op WHERE id > ?1 AND id <= ?2 ORDER BY id", &s,
                     err));
    bind_int(s, 1, op_key(owed->author, from));
    bind_int(s, 2, op_key(owed->author, owed->run.signed_seq));
    for (;;) {
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        rc = oplog_row(store, s, 1, column_int(s, 0), &op, supersedes, err);
        rc = rc == ERR_OK ? op_batch_add(&owed->ops, &op, err) : rc;
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
    return owed->ops.count == owed->run.signed_seq - from ? ERR_OK : oplog_damaged(op_key(owed->author, from), err);
}

/* A seed travels only where the salts of all ops here come from it. */
static bool seed_fits(const struct store_owed *owed, const struct store_seed *seed)
{
    for (size_t i = 0; i < owed->ops.count; i++) {
        const struct op *op = &owed->ops.ops[i];
        uint8_t salt[OP_SALT_BYTES];
        op_salt(seed->seed, op->id.seq, salt);
        if (op_salt_block(op->id.seq) == seed->block && (op->erased || memcmp(salt, op->salt, OP_SALT_BYTES) != 0)) {
            return false;
        }
    }
    return true;
}

static enum err_code read_seeds(struct store *store, struct store_owed *owed, struct error *err)
{
    const struct op_id *first = &owed->ops.ops[0].id;
    uint64_t block = op_salt_block(first->seq);
    uint64_t last = op_salt_block(owed->run.signed_seq);
    free(owed->seeds);
    owed->seeds = calloc(last - block + 1, sizeof(*owed->seeds));
    owed->run.seed_count = 0;
    if (owed->seeds == NULL) {
        return FAIL(err, NO_MEMORY, "read the seeds of %zu records", owed->ops.count);
    }
    for (; block <= last; block++) {
        struct store_seed *seed = &owed->seeds[owed->run.seed_count];
        enum err_code rc = store_salt_seed(store, first->device, first->incarnation, block, seed->seed, err);
        if (rc != ERR_OK && rc != ERR_NOT_FOUND) {
            return rc;
        }
        seed->block = block;
        owed->run.seed_count += rc == ERR_OK && seed_fits(owed, seed);
    }
    return ERR_OK;
}

enum err_code store_owed_read(struct store *store, struct store_owed_after after, size_t max_ops,
                              struct store_owed *owed, struct error *err)
{
    uint64_t from = 0;
    TRY(find_author(store, after, owed, &from, err));
    if (owed->author == 0) {
        return ERR_OK;
    }
    TRY(find_signature(store, from, max_ops, owed, err));
    TRY(read_ops(store, from, owed, err));
    TRY(read_seeds(store, owed, err));
    owed->run.ops = owed->ops;
    owed->run.seeds = owed->seeds;
    owed->run.certificate = buf_slice(&owed->certificate);
    return ERR_OK;
}

/* ---- what is not taken ---- */

static enum err_code decline(struct store *store, int64_t author, uint64_t seq, struct slice reason, int64_t now_ms,
                             struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT OR REPLACE INTO declined VALUES (?1, ?2, ?3, ?4)", &s, err));
    bind_int(s, 1, author);
    bind_int(s, 2, (int64_t)seq);
    bind_text_slice(s, 3, reason);
    bind_int(s, 4, now_ms);
    return db_run(&store->db, s, err);
}

enum err_code store_owed_declined(struct store *store, int64_t author, uint64_t seq, struct slice reason,
                                  int64_t now_ms, struct error *err)
{
    TRY(replica_begin(store, err));
    return replica_end(store, decline(store, author, seq, reason, now_ms, err), err);
}

enum err_code store_declined_read(struct store *store, struct store_declined *ret_rows, size_t max, size_t *ret_count,
                                  struct error *err)
{
    sqlite3_stmt *s;
    bool row = true;
    size_t count = 0;
    TRY(db_statement(&store->db,
                     "SELECT w.device, w.incarnation, d.seq, d.reason, d.at FROM declined d "
                     "JOIN author w ON w.id = d.author ORDER BY d.at DESC, d.author LIMIT ?1",
                     &s, err));
    bind_int(s, 1, (int64_t)max);
    while (count < max) {
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        struct store_declined *declined = &ret_rows[count++];
        *declined = (struct store_declined){ .first = { .incarnation = (uint32_t)column_int(s, 1),
                                                        .seq = (uint64_t)column_int(s, 2) },
                                             .at_ms = column_int(s, 4) };
        (void)column_fixed(s, 0, declined->first.device, DEVICE_ID_BYTES);
        column_text(s, 3, declined->reason, sizeof(declined->reason));
    }
    sqlite3_reset(s);
    *ret_count = count;
    return ERR_OK;
}
